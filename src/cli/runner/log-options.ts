import type { Command } from 'commander';
import { lineCount } from '../options.ts';

/** Adds the options of the commands that show a log. */
export function addLogOptions(command: Command): Command {
  return command
    .option('-f, --follow', 'wait for new lines')
    .option('-n, --lines <n>', 'last n lines, or "all" (default: all; 10 with -f)', lineCount)
    .option('--no-pager', 'do not use a pager');
}
