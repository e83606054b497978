import type { CliContext } from '../context.ts';
import { throughPager } from '../pager.ts';
import { printLog } from '../print-log.ts';

export interface ShowLogOptions {
  follow?: boolean;
  lines?: number;
  pager?: boolean;
}

// As other programs do that follow a log; without following, all of it.
const defaultFollowLines = 10;

/** Shows a log: page by page on a terminal, else as it is; with `follow` as it grows. */
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
