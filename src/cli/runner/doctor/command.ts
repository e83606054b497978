import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { withPlaceOptions } from '../places.ts';
import type { DoctorOptions } from './doctor.ts';

const about = `
It changes nothing, starts nothing and pulls nothing, and ends within ten
seconds. The exit code is 0 when nothing failed, and otherwise that of the
first check that did: 3 configuration, 4 token, 5 container runtime, 1 others.

Examples:
  plan42 runner doctor
  plan42 runner doctor --json | jq -r '.checks[] | .name + " " + .status'`;

/** `plan42 runner doctor` */
export function addDoctorCommand(runner: Command, context: CliContext): void {
  withPlaceOptions(
    runner.command('doctor').description('check everything the runner needs, with a remedy for what is amiss'),
  )
    .option('--json', 'as JSON: docs/schemas/runner-doctor.json')
    .addHelpText('after', about)
    .action(async (options: DoctorOptions) => (await import('./doctor.ts')).doctor(context, options));
}
