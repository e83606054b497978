import { type ReadLogOptions, readLog } from '../../lib/read-log.ts';
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

/** Shows a log: page by page on a terminal, else as it is; with `follow` as it grows, until `isOver`. */
export async function showLog(
  context: CliContext,
  { follow = false, lines, pager = true }: ShowLogOptions,
  { files, isOver }: Pick<ReadLogOptions, 'files'> & Required<Pick<ReadLogOptions, 'isOver'>>,
): Promise<void> {
  await throughPager(context, pager && !follow, (out, signal) => {
    const wanted = lines ?? (follow ? defaultFollowLines : Number.POSITIVE_INFINITY);
    return printLog(readLog({ files, lines: wanted, signal, ...(follow ? { isOver } : {}) }), out, signal);
  });
}
