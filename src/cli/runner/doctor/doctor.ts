import { performance } from 'node:perf_hooks';
import { loadConfig } from '../../../config/load.ts';
import { defaultPaths } from '../../../config/paths.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { truncate } from '../../../lib/display-width.ts';
import { UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { createStyle, wantsColor } from '../../style.ts';
import { probeApi } from './api-probe.ts';
import { answerMs, type Check, type CheckContext } from './check.ts';
import { checks } from './checks.ts';
import { exitCodeOf, renderOutcome, renderSummary, toJson } from './report.ts';
import { type Outcome, runChecks } from './run-checks.ts';
import { secretsOf, withoutSecrets } from './without-secrets.ts';

export interface DoctorOptions {
  configFile?: string;
  stateDir?: string;
  json?: boolean;
}

// With what starting and printing take, the whole ends within ten seconds.
const timeoutMs = 8000;

/**
 * Looks at everything that the runner needs and prints what it found.
 * @throws UserError with the exit code of the first check that failed, after all have been printed
 */
export async function doctor(context: CliContext, options: DoctorOptions, now = () => new Date()): Promise<void> {
  const { stdout, signal, version } = context;
  const start = performance.now();
  const checkContext = createCheckContext(context, options, now);
  const secrets = secretsOf((await checkContext.loadConfig().catch(() => undefined))?.config, context.env);
  const style = createStyle(wantsColor(stdout, context));
  const progress = createProgress(context);
  const outcomes: Outcome[] = [];
  try {
    for await (const found of runChecks(checks, checkContext, { timeoutMs, onProgress: progress.show })) {
      const outcome = withoutSecrets(found, secrets);
      outcomes.push(outcome);
      if (options.json) continue;
      progress.hide();
      await print(stdout, renderOutcome(outcome, style, stdout.isTTY ? stdout.columns : undefined), signal);
      progress.showAgain();
    }
  } finally {
    progress.hide();
  }
  const durationMs = performance.now() - start;
  const { configFile } = checkContext.paths;
  const report = options.json
    ? renderJson(toJson(outcomes, { version, configFile, checkedAt: now(), durationMs }))
    : `\n${renderSummary(outcomes, durationMs)}`;
  await print(stdout, report, signal);
  const failures = outcomes.filter(({ status }) => status === 'failed');
  if (failures.length === 0) return;
  throw new UserError(`the runner would not work: ${failures.map(({ check }) => check.title).join(', ')}`, {
    remedy: 'What to do is said above, at each of them.',
    exitCode: exitCodeOf(outcomes),
  });
}

function createCheckContext(
  { env, version, platform, uid, signal }: CliContext,
  { configFile, stateDir }: DoctorOptions,
  now: () => Date,
): CheckContext {
  const places = {
    ...env,
    ...(configFile === undefined ? {} : { PLAN42_CONFIG_FILE: configFile }),
    ...(stateDir === undefined ? {} : { PLAN42_STATE_DIR: stateDir }),
  };
  const paths = defaultPaths(places);
  const explicit = Boolean(places.PLAN42_CONFIG_FILE);
  const load = once(() => loadConfig({ path: paths.configFile, explicit, env }));
  const probe = once(async () => {
    const { config } = await load();
    return withDeadline(answerMs, signal, (bounded) => probeApi(config, { env, version, now, signal: bounded }));
  });
  const host = { platform, uid, env };
  return { paths, env, host, version, now, loadConfig: load, probeApi: probe, signal };
}

/** The same promise for everybody who asks. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}

/** A line on a terminal that says what is still being looked at. */
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
    line = pending.length === 0 ? '' : truncate(`checking: ${titles}`, (stdout.columns ?? 80) - 1);
    showAgain();
  };
  return { show, hide, showAgain };
}
