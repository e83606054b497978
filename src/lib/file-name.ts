const maxNameBytes = 200;

/** Returns the last part of a name that a person gave, without what file systems and terminals cannot show. */
export function fileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const shown = last
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
    .trim();
  const short = Buffer.from(shown).subarray(0, maxNameBytes).toString().replaceAll('\uFFFD', '');
  return /^\.*$/.test(short) ? 'file' : short;
}
