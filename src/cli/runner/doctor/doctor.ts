import { type Check, createCheckContext } from '../../../checks/check.ts';
import { doctorChecks } from '../../../checks/lists.ts';
import { type CheckResult, runChecks } from '../../../checks/run-checks.ts';
import { defaultPaths, withPathOptions } from '../../../config/paths.ts';
import { systemClock } from '../../../lib/clock.ts';
import { truncate } from '../../../lib/display-width.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson, terminalWidth } from '../../output.ts';
import { createStyle, wantsColor } from '../../style.ts';
import { exitCodeOf, renderResult, renderSummary, toJson } from './render.ts';

export interface DoctorOptions {
  configFile?: string;
  stateDir?: string;
  json?: boolean;
  quick?: boolean;
  image?: string;
}

// Leaves two of the ten seconds that are documented for --quick.
const quickTimeoutMs = 8000;
// With the time of the containers, it is within the two minutes that are documented.
const timeoutMs = 20_000;

/**
 * Checks everything that the runner needs and prints the results.
 * @throws UserError with the exit code of the first failed check, after all have been printed
 */
export async function doctor(context: CliContext, options: DoctorOptions, now = systemClock.date): Promise<void> {
  const { env, stdout, signal, version, platform, uid } = context;
  const start = systemClock.now();
  const variables = withPathOptions(env, options);
  const paths = defaultPaths(variables);
  const explicit = Boolean(variables['PLAN42_CONFIG_FILE']);
  const host = { platform, uid, env };
  const checkContext = createCheckContext({
    paths,
    env,
    host,
    version,
    now,
    signal,
    explicit,
    ignoreErrors: false,
    quick: options.quick ?? false,
    image: options.image,
  });
  const style = createStyle(wantsColor(stdout, context));
  const progress = createProgress(context);
  const results: CheckResult[] = [];
  const checkOptions = { timeoutMs: options.quick ? quickTimeoutMs : timeoutMs, onProgress: progress.show };
  try {
    for await (const result of runChecks(doctorChecks, checkContext, checkOptions)) {
      results.push(result);
      if (options.json) continue;
      progress.hide();
      await print(stdout, renderResult(result, style, terminalWidth(stdout)), signal);
      progress.showAgain();
    }
  } finally {
    progress.hide();
  }
  const durationMs = systemClock.now() - start;
  const report = options.json
    ? renderJson(toJson(results, { version, configFile: paths.configFile, checkedAt: now(), durationMs }))
    : `\n${renderSummary(results, durationMs)}`;
  await print(stdout, report, signal);
  const failures = results.filter(({ status }) => status === 'failed');
  if (failures.length === 0) return;
  const titles = failures.map(({ check }) => check.title).join(', ');
  if (failures.every(({ isUnfinished }) => isUnfinished)) {
    throw new UserError(`not all checks were completed: ${titles}`, {
      remedy: 'Try again.',
      exitCode: ExitCode.failed,
    });
  }
  throw new UserError(`the runner cannot work: ${titles}`, {
    remedy: 'See the fix under each failed check.',
    exitCode: exitCodeOf(results),
  });
}

/** A line on a terminal with the checks that are still running. */
function createProgress({ stderr, stdout }: CliContext) {
  const enabled = stderr.isTTY === true;
  let line = '';
  const hide = () => {
    if (enabled && line !== '') stderr.write('\r\x1b[K');
  };
  const showAgain = () => {
    if (enabled && line !== '') stderr.write(line);
  };
  const show = (pending: readonly Check[]) => {
    hide();
    const titles = pending.map(({ title }) => title).join(', ');
    line = pending.length === 0 ? '' : truncate(`checking: ${titles}`, (stdout.columns || 80) - 1);
    showAgain();
  };
  return { show, hide, showAgain };
}
