import { findSetting } from '../../../config/find-setting.ts';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { type Finding, validateConfig } from '../../../tui/checks/validate.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { createStyle, type Style, wantsColor } from '../../style.ts';
import type { ConfigLocation } from './location.ts';
import { readConfigToShow } from './read-to-show.ts';
import { settingReader } from './setting-value.ts';

export interface ValidateOptions extends ConfigLocation {
  json?: boolean;
}

/** Tells everything that is right and wrong with the configuration, and fails with the exit code of the first mistake. */
export async function validate(context: CliContext, options: ValidateOptions): Promise<void> {
  const { env, stdout, signal, version } = context;
  const file = await readConfigToShow(context, options);
  const read = settingReader(file, env);
  const text = (name: string) => {
    const { value } = read(findSetting(name));
    return value === undefined ? '' : typeof value === 'string' ? value : undefined;
  };
  const runner = { token: text('runner.token'), url: text('runner.url') };
  const findings = await validateConfig({ file, env, runner, version, signal });
  const mistake = findings.find(({ severity }) => severity === 'error');
  const style = createStyle(wantsColor(stdout, context));
  const report = options.json
    ? renderJson({ configFile: file.path, valid: mistake === undefined, findings: findings.map(asJson) })
    : findings.map((finding) => renderFinding(finding, style)).join('');
  await print(stdout, report, signal);
  if (mistake === undefined) return;
  const { subject, message, remedy, exitCode } = mistake;
  // GitHub's own words don't say whose token they are about.
  const sentence = subject.startsWith('github.') ? `${subject}: ${message}` : message;
  throw new UserError(sentence, { exitCode, ...(remedy === undefined ? {} : { remedy }) });
}

function renderFinding({ subject, severity, message }: Finding, { good, bad, bold }: Style): string {
  const [label, style] = { ok: ['ok', good], warning: ['warning', bold], error: ['error', bad] }[severity] as [
    string,
    (text: string) => string,
  ];
  return `${style(label.padEnd(7))}  ${printableLine(`${subject}: ${message}`)}\n`;
}

function asJson({ subject, severity, message, remedy }: Finding): object {
  return { subject, severity, message, remedy: remedy ?? null };
}
