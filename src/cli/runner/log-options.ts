import type { Command } from 'commander';
import { lineCount } from '../options.ts';

/** Adds the options of the commands that show a log. */
export function addLogOptions(command: Command): Command {
  return command
    .option('-f, --follow', 'go on as it grows')
    .option('-n, --lines <n>', 'only the last lines, or "all" (default: all; 10 with -f)', lineCount)
    .option('--no-pager', 'not page by page, also on a terminal');
}
