import assert from 'node:assert/strict';
import { type DoctorSetting, type Given, setUp } from './doctor-setting.ts';

/** A problem and the expected result of one check. */
export interface DoctorCase {
  what: string;
  given: () => Given | Promise<Given>;
  check: string;
  status: 'failed' | 'warning' | 'skipped';
  found: RegExp;
  remedy?: RegExp;
  exitCode?: number;
}

export async function assertFound(setting: DoctorSetting, problem: DoctorCase): Promise<void> {
  const { given, check, status, found, remedy, exitCode = 0 } = problem;
  await using patient = await setUp(setting, await given());
  const report = await patient.checks();
  const result = report.of(check);
  assert.equal(result.status, status, result.found.join());
  assert.match(result.found[0] ?? '', found);
  if (status !== 'skipped') assert.ok(result.remedies.length > 0 || result.found.length > 1);
  if (remedy)
    assert.match(result.remedies.map(({ text, command = '' }) => `${text} ${command}`.trim()).join(' '), remedy);
  assert.equal(report.exitCode, exitCode, report.text);
}
