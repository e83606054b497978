/** Loads the command definitions of the three programs, without running them. */
import type { Command } from 'commander';
import { createConfigScreenProgram } from '../../src/cli/config-screen-main.ts';
import { createProgram } from '../../src/cli/program.ts';
import { createRunnerProgram } from '../../src/cli/runner-main.ts';
import { commandContext } from '../../test/support/run-cli.ts';

export function loadPrograms(): { plan42: Command; runner: Command; configScreen: Command } {
  const context = commandContext([]);
  return {
    plan42: createProgram(context),
    runner: createRunnerProgram(context),
    configScreen: createConfigScreenProgram(context),
  };
}
