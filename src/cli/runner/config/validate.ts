import { createCheckContext } from '../../../checks/check.ts';
import type { Finding } from '../../../checks/finding.ts';
import { configChecks } from '../../../checks/lists.ts';
import { runChecks } from '../../../checks/run-checks.ts';
import { defaultPaths, withPathOptions } from '../../../config/paths.ts';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { createStyle, type Style, wantsColor } from '../../style.ts';
import type { ConfigLocation } from './location.ts';
import { readConfigToShow } from './read-to-show.ts';

export interface ValidateOptions extends ConfigLocation {
  json?: boolean;
}

const timeoutMs = 30_000;

/** Prints all findings about the configuration. @throws UserError with the exit code of the first error */
export async function validateConfig(context: CliContext, options: ValidateOptions): Promise<void> {
  const { env, stdout, signal, version, platform, uid } = context;
  await readConfigToShow(context, options);
  const variables = withPathOptions(env, options);
  const paths = defaultPaths(variables);
  const explicit = Boolean(variables['PLAN42_CONFIG_FILE']);
  const host = { platform, uid, env };
  const checkContext = createCheckContext({ paths, env, host, version, signal, explicit, ignoreErrors: true });
  const findings: Finding[] = [];
  for await (const result of runChecks(configChecks, checkContext, { timeoutMs })) {
    findings.push(...result.findings.filter((finding) => isNews(finding, findings)));
  }
  const error = findings.find(({ status }) => status === 'failed');
  const style = createStyle(wantsColor(stdout, context));
  const report = options.json
    ? renderJson({ configFile: paths.configFile, valid: error === undefined, findings: findings.map(asJson) })
    : findings.map((finding) => renderFinding(finding, style)).join('');
  await print(stdout, report, signal);
  if (error === undefined) return;
  const { subject, message, exitCode } = error;
  const remedy = remedyOf(error);
  // GitHub's messages do not name the connection.
  throw new UserError(subject.startsWith('github.') ? `${subject}: ${message}` : message, {
    exitCode,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** A CA file that cannot be read is a finding for the server and for GitHub. */
function isNews({ subject, status, message }: Finding, previous: readonly Finding[]): boolean {
  if (status === 'skipped') return false;
  return !previous.some((other) => other.subject === subject && other.message === message);
}

const severities = { skipped: 'ok', ok: 'ok', warning: 'warning', failed: 'error' } as const;

function renderFinding({ subject, status, message }: Finding, { good, bad, bold }: Style): string {
  const style = { skipped: good, ok: good, warning: bold, failed: bad }[status];
  return `${style(severities[status].padEnd(7))}  ${printableLine(`${subject}: ${message}`)}\n`;
}

function remedyOf({ remedies }: Finding): string | undefined {
  const texts = remedies.map(({ text, command }) =>
    command === undefined ? text : `${text.replace(/\.$/, ':')} ${command}`,
  );
  return texts.length === 0 ? undefined : texts.join(' ');
}

function asJson(finding: Finding): object {
  const { subject, status, message } = finding;
  return { subject, severity: severities[status], message, remedy: remedyOf(finding) ?? null };
}
