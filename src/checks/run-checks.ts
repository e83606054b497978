import type { Config } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { formatError, UserError } from '../lib/errors.ts';
import { redact } from '../lib/redact.ts';
import type { Check, CheckContext } from './check.ts';
import { type CheckStatus, type Finding, failed, failedWith, worstStatus } from './finding.ts';

export interface CheckResult {
  check: Check;
  status: CheckStatus;
  findings: readonly Finding[];
  durationMs: number;
  /** Whether it was stopped at its time limit, so that nothing is known about its subject. */
  isUnfinished: boolean;
}

const maxCleanupMs = 5000;

export interface RunChecksOptions {
  /** For all checks together, except those with a limit of their own. */
  timeoutMs: number;
  /** Called with the unfinished checks whenever one finishes. */
  onProgress?: (pending: readonly Check[]) => void;
}

/**
 * Runs all checks concurrently and yields their results in order, without secrets. Those with a time limit of their own start when
 * the others have finished. @throws the signal's reason
 */
export async function* runChecks(
  checks: readonly Check[],
  context: CheckContext,
  { timeoutMs, onProgress = () => {} }: RunChecksOptions,
): AsyncGenerator<CheckResult, void> {
  const secrets = secretsOf((await context.readConfig().catch(() => undefined))?.config, context.env);
  const pending = new Set(checks);
  // A check that is interrupted removes the containers that it has started.
  const working = new Set<Promise<unknown>>();
  onProgress([...pending]);
  const run = async (check: Check): Promise<CheckResult> => {
    const start = systemClock.now();
    const expired = AbortSignal.timeout(check.timeoutMs ?? timeoutMs);
    const signal = AbortSignal.any([context.signal, expired]);
    const found = await runCheck(check, { ...context, signal }, { expired, working });
    const findings = found ?? [unfinished(check)];
    pending.delete(check);
    onProgress([...pending]);
    return {
      check,
      status: worstStatus(findings.map(({ status }) => status)),
      findings: findings.map((finding) => redactFinding(finding, secrets)),
      durationMs: Math.round(systemClock.now() - start),
      isUnfinished: found === undefined,
    };
  };
  const isLong = ({ timeoutMs: own }: Check) => own !== undefined;
  const short = new Map(checks.filter((check) => !isLong(check)).map((check) => [check, run(check)]));
  // Containers take all that a busy machine has, so that the others would run out of their short time beside them.
  const shortDone = Promise.allSettled(short.values());
  const results = checks.map((check) => short.get(check) ?? shortDone.then(() => run(check)));
  for (const result of results) {
    const finished = await result;
    if (context.signal.aborted) await settle([...working]);
    context.signal.throwIfAborted();
    yield finished;
  }
}

/** Waits a moment for checks that are being interrupted. */
async function settle(working: readonly Promise<unknown>[]): Promise<void> {
  const late = new AbortController();
  const tooLate = systemClock.sleep(maxCleanupMs, late.signal).catch(() => {});
  await Promise.race([Promise.allSettled(working), tooLate]);
  late.abort();
}

const unfinished = ({ name }: Check) =>
  failed(name, 'not completed in time', { text: 'The machine is busy, or something does not respond. Try again.' });

/** Undefined if the time is over. */
async function runCheck(
  check: Check,
  context: CheckContext,
  { expired, working }: { expired: AbortSignal; working: Set<Promise<unknown>> },
): Promise<readonly Finding[] | undefined> {
  try {
    // A check that ignores the signal, for example on a hanging network drive, must not block the others.
    const work = check.run(context);
    // The others start nothing, and may hang on what ignores the signal.
    if (check.timeoutMs !== undefined) working.add(work);
    return await Promise.race([work, rejectionOf(context.signal)]);
  } catch (error) {
    if (expired.aborted) return undefined;
    if (error instanceof UserError) return [failedWith(check.name, error)];
    return [failed(check.name, `the check crashed: ${formatError(error)}`, { text: 'Report this bug.' })];
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return promise;
}

function redactFinding(finding: Finding, secrets: readonly string[]): Finding {
  const clean = (text: string) => redact(secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text));
  return {
    ...finding,
    message: clean(finding.message),
    remedies: finding.remedies.map(({ text, command }) => ({
      text: clean(text),
      ...(command === undefined ? {} : { command: clean(command) }),
    })),
  };
}

// Shorter values would garble ordinary text.
const minSecretLength = 6;

/** Tokens from the configuration and passwords of proxies. */
function secretsOf(config: Config | undefined, env: NodeJS.ProcessEnv): string[] {
  const tokens = [config?.runner.token, env['PLAN42_RUNNER_TOKEN']];
  const githubTokens = Object.values(config?.github ?? {}).map(({ token }) => token);
  const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'];
  const passwords = proxies.map((name) => URL.parse(env[name] ?? '')?.password);
  return [...tokens, ...githubTokens, ...passwords].filter(
    (text) => text !== undefined && text.length >= minSecretLength,
  ) as string[];
}
