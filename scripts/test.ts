/**
 * Runs the tests and ends with one line: `N passed, N failed, N skipped`. Arguments are files or globs; without any, every
 * test runs. A test whose prerequisite is missing is named at the end; with CI=true that is a failure.
 *
 * With CI=true, files with a few failures run once more, one at a time: tests that share two cores with container engines,
 * a browser and systemd can fail for want of time. What passes then is named as unsteady, so that somebody mends it.
 */
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { globalSetup, globalTeardown } from '../test/support/global-setup.ts';

interface Results {
  passed: number;
  /** The file of each failed test, by file, place and name. */
  failed: Map<string, string>;
  skipped: number;
  /** Tests without what they need, and what that is. */
  missing: string[];
}

const root = `${import.meta.dirname}/..`;
const everything = ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'];
const missingPrerequisite = 'missing prerequisite: ';
const isCi = process.env['CI'] === 'true';
// With more than these it isn't chance.
const maxTriedAgain = 5;
// A failed comparison can be megabytes long.
const longLine = /^(.{500}).+$/gm;

const patterns = process.argv.slice(2);
const { passed, failed, skipped, missing } = await runAll();

if (missing.length > 0) {
  console.log(`\nNot run, since something is missing on this machine (.ci/install installs it):`);
  for (const line of missing) console.log(`  ${line}`);
}
const failures = failed.size + (isCi ? missing.length : 0) + (passed === 0 ? 1 : 0);
console.log(`\n${passed} passed, ${failures} failed, ${skipped} skipped`);
process.exitCode = failures > 0 ? 1 : 0;

async function runAll(): Promise<Results> {
  // Not by the test runner's own option, which does it for the first run of a process alone.
  await globalSetup();
  try {
    const first = await runTests(patterns.length > 0 ? patterns : everything, 2);
    const isWorthAnother = isCi && first.failed.size > 0 && first.failed.size <= maxTriedAgain;
    return isWorthAnother ? { ...first, ...(await runFailedAgain(first)) } : first;
  } finally {
    await globalTeardown();
  }
}

/** What the files with failures come to alone counts, beside what passed before. */
async function runFailedAgain({ passed, failed }: Results): Promise<Pick<Results, 'passed' | 'failed'>> {
  console.log('\nOnce more, one at a time:');
  for (const test of failed.keys()) console.log(`  ${test}`);
  const again = await runTests([...new Set(failed.values())], 1);
  const unsteady = [...failed.keys()].filter((test) => again.passed > 0 && !again.failed.has(test));
  if (unsteady.length > 0) console.log('\nUnsteady, failed at first and passed alone:');
  for (const test of unsteady) console.log(`  ${test}`);
  const stillFailed = [...failed].filter(([test]) => !unsteady.includes(test));
  return { passed: passed + unsteady.length, failed: new Map([...stillFailed, ...again.failed]) };
}

async function runTests(globPatterns: string[], concurrency: number): Promise<Results> {
  const results: Results = { passed: 0, failed: new Map(), skipped: 0, missing: [] };
  const events = run({ cwd: root, globPatterns, concurrency });
  const fileOf = (test: { file?: string | undefined }) => relative(root, test.file ?? '');
  events.on('test:pass', (test) => {
    if (test.details.type === 'suite') return;
    if (test.skip === undefined && test.todo === undefined) results.passed += 1;
    else results.skipped += 1;
    if (typeof test.skip === 'string' && test.skip.startsWith(missingPrerequisite)) {
      results.missing.push(`${fileOf(test)}: ${test.name}: ${test.skip.slice(missingPrerequisite.length)}`);
    }
  });
  events.on('test:fail', (test) => {
    if (test.details.type !== 'suite')
      results.failed.set(`${fileOf(test)}:${test.line ?? ''} ${test.name}`, fileOf(test));
  });
  for await (const text of events.compose(new spec())) process.stdout.write(String(text).replaceAll(longLine, '$1…'));
  return results;
}
