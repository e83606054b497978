const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size for output: `512 bytes`, `1.5 MiB`, `20 GiB`. */
export function formatBytes(bytes: number): string {
  let [amount, unit] = [bytes, 'bytes'];
  for (const next of units) {
    if (amount < 1023.5) break;
    [amount, unit] = [amount / 1024, next];
  }
  const digits = unit === 'bytes' || amount >= 9.95 ? 0 : 1;
  return `${amount.toFixed(digits)} ${unit}`;
}
