/**
 * Runs the tests and ends with one line: `N passed, N failed, N skipped`. Arguments are files or globs; without any, every
 * test runs. `--unit` runs the tests beside the source, except for `*.slow.test.ts`; none of them needs an engine. A test
 * whose prerequisite is missing is listed at the end; with CI=true that is a failure.
 *
 * A failed file never runs again, except with CI=true: once, alone, as the last resort. Tests that pass then are printed
 * as FLAKY. Each of them is a fault to be fixed.
 *
 * SIGINT and SIGTERM end the test files with all that they have started, and the engines. A second signal ends this process
 * at once.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { glob } from 'node:fs/promises';
import { availableParallelism, constants } from 'node:os';
import { relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { globalSetup, globalTeardown } from '../test/support/global-setup.ts';
import { buildHelm, whyNoHelm } from '../test/support/kubernetes/helm.ts';
import { buildTestbed, whyNoCluster } from '../test/support/kubernetes/testbed.ts';
import { endOwnChildren, endRunProcesses, listRunProcesses, runVariable } from '../test/support/run-processes.ts';

interface Results {
  passed: number;
  /** The file of each failed test, by file, line and name. */
  failed: Map<string, string>;
  skipped: number;
  /** Skipped tests, each with its missing prerequisite. */
  missing: string[];
  files: { name: string; ms: number }[];
}

const root = resolve(import.meta.dirname, '..');
const allTests = ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'];
// They start first, so that no processor is idle at the end while the last of them runs.
const longestFiles = [
  'test/package.test.ts',
  'test/systemd.test.ts',
  'test/scaling.test.ts',
  'test/crash.test.ts',
  'test/wall-kills.test.ts',
  'test/wall-faults.test.ts',
  'test/faults.test.ts',
  'test/docker-restart.test.ts',
  'test/web-page.test.ts',
  'test/demo.test.ts',
  'test/docs.test.ts',
  'test/engine-jobs.test.ts',
  'test/job-suites.test.ts',
  'test/config-screen.test.ts',
  'test/drain.test.ts',
  'test/outage.test.ts',
  'test/agent-chain.test.ts',
  'test/agent-from-npm.test.ts',
  'src/runtimes/apple/apple.slow.test.ts',
  'src/shim/log-writer.slow.test.ts',
];
// They run last, because the program of their cluster is built meanwhile, and after the others: each has a whole cluster, which
// would take the processors from tests with limits of time.
const isClusterTest = (file: string) => file.startsWith('test/kubernetes/');
const helmFiles = new Set(['chart', 'chart-values', 'image'].map((name) => `test/kubernetes/${name}.test.ts`));
const missingPrerequisite = 'missing prerequisite: ';
const isCi = process.env['CI'] === 'true';
// More failures than these are not a matter of chance.
const maxRetried = 5;
// A failed comparison can be megabytes long.
const longLine = /^(.{500}).+$/gm;

const runId = randomUUID();
const stopping = new AbortController();
let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
/** The processes of test files and below them when a signal arrived. */
let startedByTests: Promise<number[]> = Promise.resolve([]);
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stoppedBy ??= name;
    console.log(`\n${name}: ending the tests and what they have started`);
    // First: later, what they have started may be without its parent.
    startedByTests = listRunProcesses(runId).catch(() => []);
    void startedByTests.finally(() => stopping.abort());
  });
}

const startedAt = performance.now();
const isUnit = process.argv[2] === '--unit';
const patterns = process.argv.slice(isUnit ? 3 : 2);
const { passed, failed, skipped, missing, files } = isUnit ? await runUnitTests() : await runAll();
if (stoppedBy !== undefined) {
  // Such as the build of a cluster's program.
  await endOwnChildren();
  process.exit(128 + constants.signals[stoppedBy]);
}

if (missing.length > 0) {
  console.log(`\nNot run, because something is missing on this machine (.ci/install installs it):`);
  for (const line of missing) console.log(`  ${line}`);
}
if (files.length > 10) {
  console.log('\nLongest files:');
  const longest = files.toSorted((a, b) => b.ms - a.ms).slice(0, 10);
  for (const { name, ms } of longest) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${name}`);
}
const failures = failed.size + (isCi ? missing.length : 0) + (passed === 0 ? 1 : 0);
console.log(`\ntook ${Math.round((performance.now() - startedAt) / 1000)} s`);
console.log(`${passed} passed, ${failures} failed, ${skipped} skipped`);
process.exitCode = failures > 0 ? 1 : 0;

async function runUnitTests(): Promise<Results> {
  const slow = await findFiles(['src/**/*.slow.test.ts']);
  const unit = await findFiles(['src/**/*.test.ts']);
  // Each file is a process, which spends most of its time compiling the same modules.
  process.env['NODE_COMPILE_CACHE'] ??= resolve(root, 'node_modules/.cache/compile');
  return runTests(
    unit.filter((file) => !slow.includes(file)),
    2 * availableParallelism(),
  );
}

async function runAll(): Promise<Results> {
  const found = await findFiles(patterns.length > 0 ? patterns : allTests);
  const first = longestFiles.filter((file) => found.includes(file));
  const last = found.filter(isClusterTest);
  const ordered = [...first, ...found.filter((file) => !first.includes(file) && !last.includes(file))];
  const built = buildForClusters(last);
  // Not by the test runner's own option, which only does it for the first run of a process.
  await globalSetup();
  try {
    // Many tests mostly wait for containers and processes, so two processors have time for three files.
    const before = await runTests(ordered, availableParallelism() + 1);
    if (!stopping.signal.aborted) await Promise.race([built, once(stopping.signal, 'abort')]);
    const results = combine(before, await runTests(last, availableParallelism()));
    const isWorthRetrying = isCi && results.failed.size > 0 && results.failed.size <= maxRetried;
    return isWorthRetrying && !stopping.signal.aborted ? await retryFailed(results) : results;
  } finally {
    await globalTeardown();
  }
}

/** Beside other tests, because a compiler would take the processors from those of clusters. */
async function buildForClusters(testFiles: readonly string[]): Promise<void> {
  const needsHelm = testFiles.some((file) => helmFiles.has(file));
  try {
    if (testFiles.length > 0 && (await whyNoCluster()) === '') await buildTestbed();
    if (needsHelm && (await whyNoHelm()) === '') await buildHelm();
  } catch {
    // The tests report it, because they build again.
  }
}

function combine(one: Results, other: Results): Results {
  return {
    passed: one.passed + other.passed,
    failed: new Map([...one.failed, ...other.failed]),
    skipped: one.skipped + other.skipped,
    missing: [...one.missing, ...other.missing],
    files: [...one.files, ...other.files],
  };
}

/** Runs the files with failures again. A failed test that passes now counts as passed. */
async function retryFailed(first: Results): Promise<Results> {
  console.log('\nFailed, running once more, one file at a time:');
  for (const test of first.failed.keys()) console.log(`  ${test}`);
  const again = await runTests([...new Set(first.failed.values())], 1);
  const flaky = [...first.failed.keys()].filter((test) => again.passed > 0 && !again.failed.has(test));
  console.log();
  for (const test of flaky) console.log(`FLAKY: ${test}, fix it`);
  return { ...first, passed: first.passed + flaky.length, failed: again.failed };
}

async function findFiles(globs: readonly string[]): Promise<string[]> {
  const files = await Array.fromAsync(glob(globs, { cwd: root, exclude: ['**/node_modules/**'] }));
  return [...new Set(files.map((file) => relative(root, resolve(root, file))))].toSorted();
}

async function runTests(testFiles: readonly string[], concurrency: number): Promise<Results> {
  const results: Results = { passed: 0, failed: new Map(), skipped: 0, missing: [], files: [] };
  if (testFiles.length === 0 || stopping.signal.aborted) return results;
  const events = run({
    cwd: root,
    files: testFiles.map((file) => resolve(root, file)),
    concurrency,
    env: { ...process.env, [runVariable]: runId },
    signal: stopping.signal,
  });
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
  events.on('test:summary', (summary) => {
    if (summary.file !== undefined) results.files.push({ name: fileOf(summary), ms: summary.duration_ms });
  });
  for await (const text of events.compose(new spec())) process.stdout.write(String(text).replaceAll(longLine, '$1…'));
  if (stopping.signal.aborted) {
    const killed = await endRunProcesses(runId, await startedByTests);
    if (killed.length > 0) console.log(`Killed, because they did not end:\n  ${killed.join('\n  ')}`);
  }
  return results;
}
