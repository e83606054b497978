import type { CliContext } from '../context.ts';
import { throughPager } from '../pager.ts';
import { printLog } from '../print-log.ts';

export interface ShowLogOptions {
  follow?: boolean;
  lines?: number;
  pager?: boolean;
}

// Like tail -f.
const defaultFollowLines = 10;

/** Prints a log, in a pager on a terminal. With `follow`, waits for new lines. */
export async function showLog(
  context: CliContext,
  { follow = false, lines, pager = true }: ShowLogOptions,
  read: (options: { lines: number; follow: boolean; signal: AbortSignal }) => AsyncIterable<Buffer>,
): Promise<void> {
  await throughPager(context, pager && !follow, (out, signal) => {
    const wanted = lines ?? (follow ? defaultFollowLines : Number.POSITIVE_INFINITY);
    return printLog(read({ lines: wanted, follow, signal }), out, signal);
  });
}
