import { join } from 'node:path';

export function controlSocketPath(stateDir: string): string {
  return join(stateDir, 'control.sock');
}
