/**
 * Runs the tests and ends with one line: `N passed, N failed, N skipped`. Arguments are files or globs; without any, every
 * test runs. A test whose prerequisite is missing is named at the end; with CI=true that is a failure.
 */
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = `${import.meta.dirname}/..`;
const patterns = process.argv.slice(2);
const everything = ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'];
const missingPrerequisite = 'missing prerequisite: ';

const counts = { passed: 0, failed: 0, skipped: 0 };
const missing: string[] = [];

const options = {
  cwd: root,
  globPatterns: patterns.length > 0 ? patterns : everything,
  concurrency: 2,
  // Not in the types yet.
  globalSetupPath: `${root}/test/support/global-setup.ts`,
};
const events = run(options);
events.on('test:pass', (test) => {
  if (test.details.type === 'suite') return;
  if (test.skip === undefined && test.todo === undefined) counts.passed += 1;
  else counts.skipped += 1;
  if (typeof test.skip === 'string' && test.skip.startsWith(missingPrerequisite)) {
    missing.push(`${relative(root, test.file ?? '')}: ${test.name}: ${test.skip.slice(missingPrerequisite.length)}`);
  }
});
events.on('test:fail', (test) => {
  if (test.details.type !== 'suite') counts.failed += 1;
});

// A failed comparison can be megabytes long.
const longLine = /^(.{500}).+$/gm;
for await (const text of events.compose(new spec())) process.stdout.write(String(text).replaceAll(longLine, '$1…'));

if (missing.length > 0) {
  console.log(`\nNot run, since something is missing on this machine (.ci/install installs it):`);
  for (const line of missing) console.log(`  ${line}`);
  if (process.env['CI'] === 'true') counts.failed += missing.length;
}
if (counts.passed === 0) counts.failed += 1;
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;
