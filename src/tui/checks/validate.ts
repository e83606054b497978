/** Every check of a configuration, in the order in which a person would mend what they find. */
import type { ConfigFile } from '../../config/edit-file.ts';
import { type Problem, parseConfig } from '../../config/parse.ts';
import { permissionWarnings } from '../../config/read-file.ts';
import type { Config, Connection } from '../../config/schema.ts';
import { renderKey } from '../../config/toml/render.ts';
import { checkGithubToken } from '../../github/check-token.ts';
import { GithubError } from '../../github/errors.ts';
import { ExitCode, formatError, UserError } from '../../lib/errors.ts';
import { shellQuote } from '../../lib/shell-quote.ts';
import type { PrivateConnection } from '../../plan42/github-connections.ts';
import { createTransport } from '../../plan42/transport.ts';
import { surveyRuntime, surveyRuntimes } from '../../runtimes/survey.ts';
import { firstReady, type RuntimeStatus } from '../../runtimes/survey-result.ts';
import { describeToken } from './describe-token.ts';
import { checkRunnerSettings } from './runner-settings.ts';
import { checkWithServer } from './server.ts';

export interface Finding {
  /** What was checked: a setting such as `runner.token`, or `github.my-github`. */
  subject: string;
  severity: 'ok' | 'warning' | 'error';
  message: string;
  remedy?: string | undefined;
  /** What a command ends with because of it. */
  exitCode: ExitCode;
}

export interface ValidateOptions {
  file: ConfigFile;
  /** The environment beats the file. */
  env: NodeJS.ProcessEnv;
  /** As they stand in the file or the environment, right or wrong; undefined where one is no text at all. */
  runner: { token: string | undefined; url: string | undefined };
  version: string;
  signal: AbortSignal;
}

export async function validateConfig(options: ValidateOptions): Promise<Finding[]> {
  const { file, env, runner, version, signal } = options;
  const { config, problems } = parseConfig({ file: file.content, env, flags: new Map() });
  const findings = problems
    // Told below, in better words.
    .filter(({ message }) => !isToldWithServer(message, runner))
    .map((problem) => findingOf(problem, file.path));
  const open = (await permissionWarnings(file.path)).map((message) => warning(file.path, message));
  const [server, runtime, github] = await Promise.all([
    checkServer(),
    checkRuntime({ config, env, signal }),
    checkGithub(config, env, signal),
  ]);
  return unique([
    ...[...findings, ...open, ...server.findings, runtime, ...github],
    // A connection with a mistake may be one that seems to be missing.
    ...(problems.some(isOfGithub) ? [] : compare(server.connections, config.github)),
  ]);

  async function checkServer(): Promise<{ findings: Finding[]; connections?: PrivateConnection[] }> {
    const { token, url } = runner;
    if (token === undefined || url === undefined) return { findings: [] };
    try {
      const checked = checkRunnerSettings({ token, url });
      const { skipSslVerify } = config.runner;
      const access = { skipSslVerify, caFile: config.network.caFile, env, version, signal };
      const connections = await checkWithServer(checked, access);
      const { tenantId, runnerId, expiresAt } = checked.identity;
      const until = expiresAt === undefined ? '' : `, valid until ${expiresAt.toISOString()}`;
      return {
        findings: [
          ok('runner.token', `runner ${runnerId} of tenant ${tenantId}${until}`),
          ok('runner.url', `${checked.url.href} takes the token`),
        ],
        connections,
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { findings: [failure('setting' in error ? `runner.${String(error.setting)}` : 'network', error)] };
    }
  }
}

function findingOf({ severity, message, position }: Problem, path: string): Finding {
  const fromEnvironment = message.startsWith('the environment’s ');
  const inFile = position === undefined ? path : `${path}:${position.line}:${position.column}`;
  const subject = fromEnvironment ? 'environment' : inFile;
  const correct = fromEnvironment ? 'Correct it there, or unset it.' : `Correct it in ${inFile}.`;
  const remedy = severity === 'error' ? correct : undefined;
  return { subject, severity, message, remedy, exitCode: exitCodeOf(severity, ExitCode.configuration) };
}

function isOfGithub({ severity, message }: Problem): boolean {
  return severity === 'error' && /^github\b/.test(message);
}

/** What is no text at all is not asked the server about. */
function isToldWithServer(message: string, runner: ValidateOptions['runner']): boolean {
  const name = /^(?:the environment’s PLAN42_RUNNER_|runner\.)(URL|url|TOKEN|token) is /.exec(message)?.[1];
  const { token, url } = runner;
  return name !== undefined && token !== undefined && url !== undefined;
}

/** Whoever can't connect because of `network.ca_file` can't for the server and for GitHub. */
function unique(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ subject, message }, index) =>
      findings.findIndex((other) => other.subject === subject && other.message === message) === index,
  );
}

async function checkRuntime(options: {
  config: Config;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}): Promise<Finding> {
  const configured = options.config.runner.runtime;
  const statuses: RuntimeStatus[] =
    configured === undefined ? await Promise.all(surveyRuntimes(options)) : [await surveyRuntime(configured, options)];
  const name = configured ?? firstReady(statuses);
  const readiness = statuses.find((status) => status.name === name)?.readiness;
  if (readiness?.ready) return ok('runner.runtime', `${name} is ready (${readiness.detail})`);
  const message = configured === undefined ? 'no container runtime is ready' : `${configured} is not ready`;
  const reasons = statuses.flatMap(({ name, readiness }) => (readiness.ready ? [] : [`${name}: ${readiness.reason}`]));
  const remedy = readiness?.remedy ?? 'Install and start Docker or Podman, or set runner.runtime.';
  return {
    subject: 'runner.runtime',
    severity: 'error',
    message: `${message} (${reasons.join('; ')})`,
    remedy,
    exitCode: ExitCode.runtime,
  };
}

async function checkGithub(config: Config, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Finding[]> {
  let transport: ReturnType<typeof createTransport>;
  try {
    transport = createTransport({ caFile: config.network.caFile, env });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [failure('network', error)];
  }
  await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
  const checks = Object.entries(config.github).map(async ([name, connection]): Promise<Finding> => {
    const subject = renderKey(['github', name, 'token']);
    if (!connection.token) return warning(subject, 'missing github token');
    try {
      const described = describeToken(await checkGithubToken(connection, { transport, signal }));
      return (described.ok ? ok : warning)(subject, described.text);
    } catch (error) {
      signal.throwIfAborted();
      const refused = error instanceof GithubError && error.status === 401;
      const command = `plan42 runner config set ${shellQuote(subject)}`;
      const remedy = refused
        ? `Get a new token, and pipe it in: "… | ${command}".`
        : `Check ${renderKey(['github', name, 'url'])}, and whether the server can be reached.`;
      return { subject, severity: 'error', message: formatError(error), remedy, exitCode: ExitCode.failed };
    }
  });
  return await Promise.all(checks);
}

function compare(
  connections: readonly PrivateConnection[] | undefined,
  configured: Readonly<Record<string, Connection>>,
): Finding[] {
  if (connections === undefined) return [];
  const sameId = (a: string | undefined, b: string) => a?.toLowerCase() === b.toLowerCase();
  const missing = connections.filter(
    ({ ConnectionID }) => !Object.values(configured).some(({ connectionId }) => sameId(connectionId, ConnectionID)),
  );
  const gone = Object.entries(configured).filter(
    ([, { connectionId }]) => !connections.some(({ ConnectionID }) => sameId(connectionId, ConnectionID)),
  );
  return [
    ...missing.map(({ ConnectionID, Name }) =>
      warning('github', `${Name ? `${Name} (${ConnectionID})` : ConnectionID} is not configured here`),
    ),
    ...gone.map(([name]) => warning(renderKey(['github', name]), 'the tenant has no such private connection')),
  ];
}

function ok(subject: string, message: string): Finding {
  return { subject, severity: 'ok', message, exitCode: ExitCode.done };
}

function warning(subject: string, message: string): Finding {
  return { subject, severity: 'warning', message, exitCode: ExitCode.done };
}

function failure(subject: string, error: UserError): Finding {
  const { remedy, exitCode } = error;
  return { subject, severity: 'error', message: formatError(error), remedy, exitCode };
}

function exitCodeOf(severity: 'warning' | 'error', exitCode: ExitCode): ExitCode {
  return severity === 'error' ? exitCode : ExitCode.done;
}
