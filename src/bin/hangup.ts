import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';

/** SIGHUP has two meanings: the terminal was closed, or another process requests something, usually a reload. */
export interface HangupListeners {
  onClosed: () => void;
  /** @param isDetached whether both outputs are files, as after nohup */
  onRequest: (isDetached: boolean) => void;
}

/**
 * Distinguishes the two meanings of SIGHUP. Node.js resets the ignored SIGHUP that nohup passes on, so a process whose outputs
 * are both files counts as one that outlives its terminal.
 */
export function onHangup({ onClosed, onRequest }: HangupListeners): void {
  const isDetached = [1, 2].every(isFile);
  const terminals = isDetached ? [] : [0, 1, 2].filter((fd) => isatty(fd));
  process.on('SIGHUP', () => {
    // A terminal that was closed is none.
    if (terminals.some((fd) => !isatty(fd))) onClosed();
    else onRequest(isDetached);
  });
}

/** Whether output goes to a file, or a device such as `/dev/null`. */
function isFile(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isFile() || (stats.isCharacterDevice() && !isatty(fd));
}
