/** `make lint` fails on what it is there for: each tool runs on a small tree with one fault. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');

const faults = [
  'a worker that nobody waits for',
  'the runner is told to stop',
  'connections are made anew',
  'it is kept For ever',
  'it ends by itself',
  'refused for want of memory',
  '// Of the queue.',
  '/** What the queue knows. */',
  ' * Whoever holds the lock.',
];

test('a marker word fails the check of language', async () => {
  for (const fault of faults) {
    await using tree = await makeTree({ 'src/lib/a.ts': `const a = 1;\n${fault}\n`, 'docs/b.md': 'You start it.\n' });
    const { exitCode, output } = await checkLanguage(tree.path);
    assert.equal(exitCode, 1, fault);
    assert.match(output, /^src\/lib\/a\.ts:2: .*: write: ./m);
    assert.match(output, /^ +1 src\/lib$/m);
  }
});

test('unwrapped prose and a long decision fail the check of language', async () => {
  const link = `[a page](${'x'.repeat(100)})`;
  await using tree = await makeTree({
    'docs/wide.md': `# A page\n\n${'word '.repeat(21)}\n`,
    'docs/decisions/0001-long.md': 'word word word word\n'.repeat(101),
    'docs/good.md': `| ${'word '.repeat(21)} |\n\`\`\`\n${'word '.repeat(21)}\n\`\`\`\nSee ${link}.\n`,
  });
  const { exitCode, output } = await checkLanguage(tree.path);
  assert.equal(exitCode, 1);
  assert.deepEqual(output.match(/^docs.*$/gm), [
    'docs/decisions/0001-long.md:1: 404 words: write: a decision has at most 400',
    'docs/wide.md:3: 105 columns: write: wrap at 100',
  ]);
});

test('a log line that is not a constant event with snake_case fields fails', async () => {
  const lines = [
    `logger.info(\`job \${id} started\`);`,
    "logger.warn('A job failed.');",
    "logger.info('job started', { jobId });",
  ];
  for (const line of lines) {
    await using tree = await makeTree({ 'src/jobs/a.ts': line });
    assert.equal((await checkLanguage(tree.path)).exitCode, 1, line);
  }
  const plain = "logger.info('job started', { job_id: jobId, image, error: format({ jobId }) });";
  await using tree = await makeTree({ 'src/jobs/a.ts': plain });
  assert.deepEqual(await checkLanguage(tree.path), { exitCode: 0, output: '' });
});

test('plain language passes', async () => {
  await using tree = await makeTree({ 'src/lib/a.ts': '// Returns the folder that the job writes to.\n' });
  assert.deepEqual(await checkLanguage(tree.path), { exitCode: 0, output: '' });
});

test('another way to read a file fails', async () => {
  const faults = [
    "import { readFile } from 'node:fs/promises';",
    "import {\n  rm,\n  open as openFile,\n} from 'node:fs/promises';",
    "import { existsSync, readFileSync } from 'fs';",
    "import * as fs from 'node:fs';",
    "const { open } = await import('node:fs/promises');",
  ];
  for (const fault of faults) {
    await using tree = await makeTree({ 'src/jobs/a.ts': fault });
    const { exitCode, output } = await checkLanguage(tree.path);
    assert.equal(exitCode, 1, fault);
    assert.match(output, /write: a function of src\/lib\/read-file\.ts$/m);
  }
  await using tree = await makeTree({
    'src/jobs/a.ts': "import type { Stats } from 'node:fs';\nimport { type FileHandle, rm } from 'node:fs/promises';\n",
    'src/jobs/a.test.ts': faults.join('\n'),
    'src/lib/lock.ts': "import { openSync } from 'node:fs';\n",
  });
  assert.deepEqual(await checkLanguage(tree.path), { exitCode: 0, output: '' });
  await using stale = await makeTree({ 'src/lib/lock.ts': '' });
  assert.match((await checkLanguage(stale.path)).output, /no openSync: write: no entry for it/);
});

test('an import that points back, and another way to replace a file, fail oxlint', async () => {
  await using tree = await makeTree({
    'src/lib/a.ts': "import { b } from '../cli/b.ts';\n\nexport const a = b;\n",
    'src/cli/b.ts': 'export const b = 1;\n',
    'src/cli/c.ts': "import { rename } from 'node:fs/promises';\n\nawait rename('a', 'b');\n",
    'src/cli/d.ts': "import { writeFileSync } from 'node:fs';\n\nwriteFileSync('a', 'b');\n",
  });
  for (const file of ['oxlint.config.ts', 'tsconfig.json', 'package.json', 'scripts/lint/linear-regex.ts'])
    await cp(join(root, file), join(tree.path, file), { recursive: true });
  await symlink(join(root, 'node_modules'), join(tree.path, 'node_modules'));
  const { exitCode, output } = await run(join(root, 'node_modules/.bin/oxlint'), [], tree.path);
  assert.equal(exitCode, 1);
  assert.match(output, /src\/lib may only import from: nothing else/);
  for (const name of ['rename', 'writeFileSync'])
    assert.match(output, new RegExp(`'${name}' import .* is restricted.\\s[^]*Use replaceFile\\(\\)`));
});

test('a warning of shellcheck fails', async (t) => {
  if (!(await requiresCommands(t, 'shellcheck'))) return;
  await using tree = await makeTree({ 'a.sh': '#!/bin/sh\nrm $1\n' });
  const { exitCode, output } = await run('shellcheck', ['a.sh'], tree.path);
  assert.equal(exitCode, 1);
  assert.match(output, /SC2086/);
});

async function checkLanguage(folder: string): Promise<{ exitCode: unknown; output: string }> {
  return await run(process.execPath, [join(root, 'scripts/lint-language.ts'), folder], folder);
}

async function run(program: string, args: string[], cwd: string): Promise<{ exitCode: unknown; output: string }> {
  const running = promisify(execFile)(program, args, { cwd });
  return await running.then(
    ({ stdout, stderr }) => ({ exitCode: 0, output: stripVTControlCharacters(stdout + stderr) }),
    (error: { code: unknown; stdout: string; stderr: string }) => ({
      exitCode: error.code,
      // In CI, oxlint uses colours without a terminal, whatever NO_COLOR says.
      output: stripVTControlCharacters(error.stdout + error.stderr),
    }),
  );
}

async function makeTree(files: Record<string, string>): Promise<Awaited<ReturnType<typeof makeTempDir>>> {
  const dir = await makeTempDir();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir.path, path)), { recursive: true });
    await writeFile(join(dir.path, path), text);
  }
  return dir;
}

test('code of a service that loads a module late fails', async () => {
  const line = "const { a } = await import('./a.ts');\n";
  await using late = await makeTree({ 'src/jobs/b.ts': line });
  const { exitCode, output } = await checkLanguage(late.path);
  assert.equal(exitCode, 1);
  assert.match(output, /^src\/jobs\/b\.ts:1: import\(\): write: a static import/m);
  await using fine = await makeTree({ 'src/cli/b.ts': line, 'src/jobs/b.test.ts': line });
  assert.equal((await checkLanguage(fine.path)).exitCode, 0);
});

test('code that reads a clock of the machine fails, and code that asks for the date without a reason', async () => {
  const lines = [
    'const age = Date.now() - file.mtimeMs;',
    'const at = new Date();',
    'const startedAt = performance.now();',
    "import { performance } from 'node:perf_hooks';",
    'const startedAt = process.hrtime.bigint();',
    'const age = systemClock.date().getTime() - file.mtimeMs;',
    'expire(clock.date);',
    'const { now, date } = clock;',
  ];
  for (const line of lines) {
    await using tree = await makeTree({ 'src/jobs/a.ts': line });
    const { exitCode, output } = await checkLanguage(tree.path);
    assert.equal(exitCode, 1, line);
    assert.match(output, /^src\/jobs\/a\.ts:1: .*clock/m);
  }
  const fine = 'const startedAt = systemClock.now();\nconst then = new Date(record.startedAt);\n';
  await using tree = await makeTree({ 'src/jobs/a.ts': fine, 'src/jobs/a.test.ts': 'const at = Date.now();\n' });
  assert.equal((await checkLanguage(tree.path)).exitCode, 0);
});
