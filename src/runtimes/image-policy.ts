/** Whether one of the globs matches the whole image reference. `*` stands for any characters, `?` for one. */
export function isImageAllowed(image: string, allowed: readonly string[]): boolean {
  return allowed.some((glob) => globToRegExp(glob).test(image));
}

function globToRegExp(glob: string): RegExp {
  const source = glob.replaceAll(/[\\^$.*+?()[\]{}|]/g, (c) => (c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`));
  return new RegExp(`^${source}$`, 's');
}
