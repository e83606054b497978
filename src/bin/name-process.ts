import { writeFileSync } from 'node:fs';

/**
 * Sets the name that `ps`, `top` and `pgrep` show on Linux, where Node.js calls every process `node-MainThread`; at most 15
 * bytes. Unlike `process.title`, this keeps the command line. Elsewhere processes already have the name of the program.
 */
export function nameProcess(name: string): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Without /proc, or with a read-only one, the name stays as it is.
  }
}
