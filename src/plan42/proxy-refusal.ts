/** The status with which a proxy refused to connect to the server; undefined if that is not what went wrong. */
export function proxyRefusal(error: unknown): number | undefined {
  // undici has no class for it, only these words.
  for (let e = error; e instanceof Error; e = e.cause) {
    const status = /^Proxy response \((\d{3})\)/.exec(e.message)?.[1];
    if (status !== undefined) return Number(status);
  }
  return undefined;
}
