const nobody = 65_534;

/**
 * Does `work` as somebody whom permissions hold back: root does it as another user, with the whole process. Modules that it loads
 * late have to be loaded by then, since that user may not see them.
 */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
