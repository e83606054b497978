const unprivilegedUid = 65_534;

/**
 * Runs `work` as a user to whom permissions apply: as root, the whole process switches to another user. Load modules
 * before, because that user may not be able to read them.
 */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(unprivilegedUid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
