import { execFile } from 'node:child_process';

export interface TestResult {
  passed: boolean;
  /** A line for each test, and below a failed one why. */
  report: string;
  /** The values of the first failed comparison. */
  actual: string;
  expected: string;
}

/** Runs `node --test` in a folder. */
export function runTests(folder: string): Promise<TestResult> {
  const { promise, resolve } = Promise.withResolvers<TestResult>();
  // Variables of a test runner that runs this would change the output.
  const env = { PATH: process.env['PATH'] };
  const args = ['--test', '--test-reporter=spec'];
  execFile(process.execPath, args, { cwd: folder, env }, (_error, stdout) => resolve(readReport(stdout)));
  return promise;
}

/** Reads the output of the reporter `spec`. */
export function readReport(output: string): TestResult {
  // After the counts, the failures are repeated with their reasons.
  const [tests = '', reasons = ''] = output.split(/^ℹ tests .*$/m);
  const [, actual = ''] = /^ +actual: (.*?),?$/m.exec(reasons) ?? [];
  const [, expected = ''] = /^ +expected: (.*?),?$/m.exec(reasons) ?? [];
  const lines = [...tests.matchAll(/^[✔✖] .*?(?= \(|$)/gm)].map(([line]) => line);
  const why = actual === '' ? [] : [`  expected ${expected}, actual ${actual}`];
  const passed = /^ℹ fail 0$/m.test(reasons) && lines.length > 0;
  return { passed, report: [...lines, ...why].join('\n'), actual, expected };
}
