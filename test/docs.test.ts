/** The documentation is correct: links resolve, commands parse, examples run, generated pages are current. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { variables } from '../scripts/docs/files-and-variables.ts';
import { renderManPages } from '../scripts/docs/man-pages.ts';
import { pages as generated } from '../scripts/docs/pages.ts';
import { allSettings } from '../src/config/find-setting.ts';
import { parseConfig } from '../src/config/parse.ts';
import { mistakeIn, mistakeInMention, ownCommand } from './support/docs/command-line.ts';
import { commandsReferenceParts } from './support/docs/commands-reference.ts';
import { type Page, parsePage, readPage } from './support/docs/page.ts';
import { notRun, runBy, runnableBlocks, runPage, shellBlocks } from './support/docs/run-page.ts';
import { shellCommands } from './support/docs/shell.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');
const paths = globSync(['*.md', 'docs/**/*.md', 'examples/**/README.md'], { cwd: root });
const pages = new Map(await Promise.all(paths.map(async (path) => [path, await readPage(join(root, path))] as const)));

/** Returns every error with its file and line. */
function mistakes(check: (page: Page) => Iterable<{ line: number; mistake: string | undefined }>): string[] {
  return [...pages].flatMap(([path, page]) =>
    [...check(page)].flatMap(({ line, mistake }) => (mistake === undefined ? [] : [`${path}:${line}: ${mistake}`])),
  );
}

test('links and anchors resolve', async () => {
  const broken: string[] = [];
  for (const [path, page] of pages) {
    for (const { target, line } of page.links) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? page.path : resolve(dirname(page.path), file);
      const isThere = await exists(to);
      const anchors = pages.get(relative(root, to))?.anchors;
      if (!isThere || (anchor !== undefined && !anchors?.has(anchor))) broken.push(`${path}:${line}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

test('every page is reachable from the index', () => {
  const seen = new Set(['README.md']);
  for (const path of seen) {
    const page = pages.get(path);
    for (const { target } of page?.links ?? []) {
      const to = relative(root, resolve(dirname(join(root, path)), target.replace(/#.*/, '')));
      if (pages.has(to)) seen.add(to);
      // A link to the folder of decisions reaches all of them.
      if (to === 'docs/decisions') for (const other of paths) if (other.startsWith(to)) seen.add(other);
    }
  }
  assert.deepEqual(
    paths.filter((path) => !seen.has(path)),
    [],
  );
});

test('the programs accept every command line', () => {
  let count = 0;
  const found = mistakes(function* ({ blocks }) {
    for (const { language, text, line } of blocks) {
      for (const words of shellCommands(shellIn(language, text))) {
        const command = ownCommand(words);
        if (command === undefined) continue;
        count += 1;
        const mistake = mistakeIn(command);
        yield { line, mistake: mistake && `${command.join(' ')}: ${mistake}` };
      }
    }
  });
  assert.deepEqual(found, []);
  assert.ok(count > 100, `checked only ${count}`);
});

/** Returns the lines of a block that a user would type. */
function shellIn(language: string, text: string): string {
  if (['sh', 'bash', 'fish'].includes(language)) return text;
  if (!['', 'console', 'text'].includes(language)) return '';
  const prompts = [...text.matchAll(/^\$ (.*)$/gm)].map(([, command]) => `${command}\n`);
  // In a block without a language, spaces separate a command from its description.
  const plain = language === '' ? [...text.matchAll(/^(plan42.*?)(?= {2,}|$)/gm)].map(([, command]) => command) : [];
  return [...prompts, ...plain].join('\n');
}

test('commands and settings in the text exist', () => {
  const settings = new Set(allSettings({}).map(({ name }) => name));
  const found = mistakes(function* ({ mentions }) {
    for (const { text, line } of mentions) {
      if (/^plan42(-runner|-runner-config)?( |$)/.test(text)) {
        const [words = []] = shellCommands(text.replaceAll('|', String.raw`\|`));
        const mistake = mistakeInMention(words);
        yield { line, mistake: mistake && `${text}: ${mistake}` };
      }
      const isSetting = /^(runner|jobs|images|queues|host|network|health|limits|log)\.(?!(ts|log|toml)$)[a-z_]+$/.test(
        text,
      );
      if (isSetting && !settings.has(text)) yield { line, mistake: `no setting ${text}` };
    }
  });
  assert.deepEqual(found, []);
});

test('files of this repository in the text exist', async () => {
  const missing: string[] = [];
  for (const [path, page] of pages) {
    for (const { text, line } of page.mentions) {
      if (!/^(src|test|scripts|docs|bench|examples|\.ci|\.github)\/[\w./-]+$/.test(text)) continue;
      if (!(await exists(join(root, text)))) missing.push(`${path}:${line}: ${text}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('each kind of fault in reliability.md has a promise, a mechanism and tests', async () => {
  const source = await readFile(join(root, 'docs/reliability.md'), 'utf8');
  const [, kinds = ''] = source.split('\n## Kinds of fault\n');
  const sections = kinds.split(/^### /m).slice(1);
  assert.ok(sections.length >= 20, `only ${sections.length}`);
  for (const section of sections) {
    assert.match(section, /^- \*\*Promise\*\*: \S/m);
    assert.match(section, /^- \*\*Mechanism\*\*: \S/m);
    // "files of this repository in the text exist" checks that they do.
    assert.match(section, /^- \*\*Tests\*\*:\s+`(src|test)\/[\w./-]+\.test\.ts`/m);
  }
});

test('"Where is …?" names the files of at least twenty behaviours', async () => {
  const source = await readFile(join(root, 'docs/contributing.md'), 'utf8');
  const [, section = ''] = /^## Where is …\?\n(.*?)(?=^## )/ms.exec(source) ?? [];
  const rows = section.split('\n').filter((line) => /^\| .*`src\/.*\|$/.test(line));
  assert.ok(rows.length >= 20, `only ${rows.length}`);
});

test('examples of the configuration are valid', () => {
  let count = 0;
  const found = mistakes(function* ({ blocks }) {
    for (const { language, text, line } of blocks) {
      if (language !== 'toml') continue;
      count += 1;
      const { problems } = parseConfig({ file: text, env: {}, flags: new Map() });
      for (const { message } of problems) yield { line, mistake: message };
    }
  });
  assert.deepEqual(found, []);
  assert.ok(count >= 5, `checked only ${count}`);
});

const maxNotRun = 10;

test('every shell block is run by a test, or marked with the reason why not', async () => {
  const excuses: string[] = [];
  for (const [path, page] of pages) {
    for (const { line, marks } of shellBlocks(page)) {
      const [reason, file] = [marks.get(notRun), marks.get(runBy)];
      if (reason !== undefined) excuses.push(`${path}:${line}: ${reason}`);
      if (reason !== undefined) assert.ok(reason.length > 10, `${path}:${line}: say why`);
      if (file === undefined) continue;
      const source = await readFile(join(root, file), 'utf8');
      assert.ok(source.includes('blocksRunBy(import.meta)'), `${path}:${line}: ${file} does not run it`);
    }
  }
  assert.ok(excuses.length <= maxNotRun, `at most ${maxNotRun} blocks may not be run:\n${excuses.join('\n')}`);
});

describe('shell blocks', { concurrency: 2 }, () => {
  const parts = [...pages].flatMap(([path, page]) =>
    path === 'docs/reference/commands.md'
      ? commandsReferenceParts(page).map(({ name, page, replacements }) => {
          return { path, name: `${path}: ${name}`, page, replacements };
        })
      : [{ path, name: path, page, replacements: {} }],
  );
  // The longest first, so that no processor is idle at the end.
  const weight = ({ path, page }: (typeof parts)[number]) =>
    path === 'docs/reference/commands.md' ? Number.POSITIVE_INFINITY : runnableBlocks(page).length;
  parts.sort((a, b) => Number(weight(a) < weight(b)) - Number(weight(a) > weight(b)));
  for (const { path, name, page, replacements } of parts) {
    if (runnableBlocks(page).length === 0) continue;
    test(name, async (t) => {
      if (!(await requiresCommands(t, 'bash', 'curl', 'git', 'jq', 'openssl', 'script', 'timeout'))) return;
      await using home = await makeTempDir();
      const output = await runPage(page, home.path, replacements);
      if (path !== 'docs/quick-start.md') return;
      assert.match(output, /^\[turn 1\] Completed$/m);
      assert.match(output, /^Your prompt has 7 words in 1 line\.$/m);
      assert.match(output, /^Runner +Running, ready/m);
    });
  }
});

describe('generated pages', () => {
  for (const { path, render } of generated) {
    test(`${relative(root, path)} is current; "make docs" writes it`, async () => {
      assert.equal(await readFile(path, 'utf8'), render());
    });
  }

  // All warnings, and plain text without overstriking.
  const checking = ['-man', '-ww', '-Kutf8', '-Tutf8', '-P-c', '-P-bou'];

  test('man pages are valid', async (t) => {
    if (!(await requiresCommands(t, 'groff'))) return;
    await using dir = await makeTempDir();
    for (const [name, text] of renderManPages({ version: '1.2.3', date: new Date(0) })) {
      const file = join(dir.path, name);
      await writeFile(file, text);
      const { stdout, stderr } = await promisify(execFile)('groff', [...checking, file]);
      assert.equal(stderr, '', name);
      assert.match(stdout, /^SYNOPSIS$/m);
      // No roff escapes remain.
      assert.doesNotMatch(stdout, /\\[fe(&]/);
    }
  });

  test('environment variables that the code reads are documented', async () => {
    const internal = [
      'HOME',
      'PATH',
      'TERM',
      'NOTIFY_SOCKET',
      'JOURNAL_STREAM',
      'WATCHDOG_USEC',
      'XDG_RUNTIME_DIR',
      'PLAN42_RUNNER_TOKEN',
    ];
    const documented = variables.flatMap(({ term }) => term.split(', ')).map((name) => name.toUpperCase());
    const known = new Set([...internal, ...documented]);
    const contract = await readFile(join(root, 'docs/agent.md'), 'utf8');
    // The first is of OpenCode, the second of Aider, the third of git.
    const ofPrograms = ['OPENCODE_CONFIG_CONTENT', 'OPENAI_API_BASE', 'GIT_CONFIG_COUNT'];
    const ofAgents = new Set([
      ...known,
      ...ofPrograms,
      ...[...contract.matchAll(/`([A-Z_0-9]+)(?:=\w+)?`/g)].map(([, name = '']) => name),
    ]);
    for (const path of globSync('src/**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') })) {
      const source = await readFile(join(root, path), 'utf8');
      for (const [, name = ''] of source.matchAll(/\benv\['(\w+)'\]/g))
        assert.ok(
          (/^src\/(?:agent|cli\/run)\//.test(path) ? ofAgents : known).has(name.toUpperCase()),
          `${path} reads ${name}`,
        );
    }
  });
});

test('these checks find errors', () => {
  const page = parsePage(
    'x.md',
    '# A `b` c\n# A b c\n[x](y.md#z) `plan42 x`\n<!-- setup: a\nb -->\n```sh\nplan42 \\\n  a | b\n```\n',
  );
  assert.deepEqual([...page.anchors], ['a-b-c', 'a-b-c-1']);
  assert.deepEqual(page.links, [{ target: 'y.md#z', line: 3 }]);
  assert.deepEqual(page.blocks, [
    { language: 'sh', text: 'plan42 \\\n  a | b\n', line: 7, heading: 'A b c', marks: new Map([['setup', 'a\nb']]) },
  ]);
  assert.deepEqual(shellCommands('A=1 x "y $(p q)" 2>&1 | z >f # c\nu \'v w\' && { t; }'), [
    ['p', 'q'],
    ['x', 'y $(p q)'],
    ['z'],
    ['u', 'v w'],
    ['{', 't'],
    ['}'],
  ]);
  assert.deepEqual(ownCommand(['sudo', '-u', 'me', 'plan42', 'version']), ['plan42', 'version']);
  for (const others of [
    ['apt', 'install', 'plan42'],
    ['sudo', 'apt-get', 'remove', 'plan42'],
  ])
    assert.equal(ownCommand(others), undefined);
  for (const wrong of [
    'plan42 rnner',
    'plan42 runner job logs',
    'plan42 runner status --jsn',
    'plan42 runner exec --jsn',
  ])
    assert.notEqual(mistakeIn(wrong.split(' ')), undefined, wrong);
  for (const right of [
    'plan42 runner job logs X -f',
    'plan42 runner exec --quiet',
    'plan42 --help',
    'plan42 runner config',
  ])
    assert.equal(mistakeIn(right.split(' ')), undefined, right);
  for (const wrong of ['plan42 rnner', 'plan42 runner job log', 'plan42 runner status --jsn'])
    assert.notEqual(mistakeInMention(wrong.split(' ')), undefined, wrong);
  for (const right of ['plan42 runner job logs', 'plan42 server …', 'plan42 completion bash|zsh'])
    assert.equal(mistakeInMention(right.split(' ')), undefined, right);
});
