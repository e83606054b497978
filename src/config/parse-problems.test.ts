/** Problems in a configuration file, with their positions. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig } from './parse.ts';
import { isDuplicate } from './toml/duplicate-key.ts';
import { explainSyntax } from './toml/explain-syntax.ts';

function problemsOf(file: string): string[] {
  return parseConfig({ file, env: {}, flags: new Map() }).problems.map(
    ({ severity, message, position }) => `${severity} ${position?.line}:${position?.column} ${message}`,
  );
}

describe('a wrong type', () => {
  const cases: [file: string, position: string, name: string][] = [
    ['[jobs]\nmax_jobs = "4"', '2:1', 'jobs.max_jobs'],
    ['[jobs]\nmax_jobs = 1.5', '2:1', 'jobs.max_jobs'],
    ['[jobs]\nmax_jobs = 0', '2:1', 'jobs.max_jobs'],
    ['[jobs]\nmax_jobs = -1', '2:1', 'jobs.max_jobs'],
    ['[jobs]\nmax_jobs = nan', '2:1', 'jobs.max_jobs'],
    ['[jobs]\nmax_jobs = 99999999999999999999', '2:1', 'jobs.max_jobs'],
    ['[jobs]\n\n  cpus = inf', '3:3', 'jobs.cpus'],
    ['[jobs]\nentrypoint = "relative"', '2:1', 'jobs.entrypoint'],
    ['[runner]\nskip_ssl_verify = "true"', '2:1', 'runner.skip_ssl_verify'],
    ['[runner]\nskip_ssl_verify = 1', '2:1', 'runner.skip_ssl_verify'],
    ['[runner]\nruntime = "dockr"', '2:1', 'runner.runtime'],
    ['[runner]\nopenai_endpoint = "api.example.com"', '2:1', 'runner.openai_endpoint'],
    ['[runner]\nclaude_endpoint = "https://user:pass@api.example.com"', '2:1', 'runner.claude_endpoint'],
    ['[runner]\nopenai_token = "sk x"', '2:1', 'runner.openai_token'],
    ['[runner]\nno_websearch = "yes"', '2:1', 'runner.no_websearch'],
    ['[runner.model_mappings.a]\nprovider = 1\nmodel = "x"', '2:1', 'runner.model_mappings.a.provider'],
    ['[runner]\nmodel_mappings = 1', '2:1', 'runner.model_mappings'],
    ['[runner]\nurl = 42', '2:1', 'runner.url'],
    ['runner.url.x = 1', '1:1', 'runner.url'],
    ['runner = { runtime = "docker", token = [] }', '1:32', 'runner.token'],
    ['[runner]\ntoken = 2026-01-02', '2:1', 'runner.token'],
    ['[images]\nallowed = "*"', '2:1', 'images.allowed'],
    ['[images]\nallowed = [1]', '2:1', 'images.allowed'],
    ['[queues]\nscale_up_at = 1.1', '2:1', 'queues.scale_up_at'],
    ['[queues]\npoll_wait = 30', '2:1', 'queues.poll_wait'],
    ['[queues]\npoll_wait = "3m"', '2:1', 'queues.poll_wait'],
    ['[health]\nlisten = "9142"', '2:1', 'health.listen'],
    ['[log]\nlevel = "loud"', '2:1', 'log.level'],
    ['[github.a]\ntoken = 1', '2:1', 'github.a.token'],
    ['[github.a]\n token = "ghp_x\\n"', '2:2', 'github.a.token'],
    ['[github.a]\ntoken = " ghp_x"', '2:1', 'github.a.token'],
    ['[github.a]\ntoken = "ghp_ü"', '2:1', 'github.a.token'],
    ['[github.a]\nalso_read = ["acme"]', '2:1', 'github.a.also_read'],
    ['[github.a]\npush = "all"', '2:1', 'github.a.push'],
    ['[github.a]\nurl = "http://github.com"', '2:1', 'github.a.url'],
    ['github.a = 1', '1:1', 'github.a'],
    ['[credentials.a]\nhosts = ["*.a.example"]\nvariable = "A"', '2:1', 'credentials.a.hosts'],
    ['[credentials.a]\nhosts = ["github"]\nvariable = "A"', '2:1', 'credentials.a.hosts'],
    ['[credentials.a]\nhosts = ["10.0.0.1"]\nvariable = "A"', '2:1', 'credentials.a.hosts'],
    ['[credentials.a]\nhosts = []\nvariable = "A"', '2:1', 'credentials.a.hosts'],
    ['[credentials.a]\nhosts = ["a.example"]\nvariable = "A B"', '3:1', 'credentials.a.variable'],
    ['[credentials.a]\nhosts = ["a"]\nvariable = "A"\nheader = "a:"', '4:1', 'credentials.a.header'],
    ['github = []', '1:1', 'github'],
    ['jobs = 1', '1:1', 'jobs'],
    ['jobs = 2026-01-02', '1:1', 'jobs'],
    ['[[jobs]]\nmax_jobs = 1', '1:3', 'jobs'],
    ['[[github.a]]\ntoken = "x"', '1:3', 'github.a'],
    ['[[github]]\ntoken = "x"', '1:3', 'github'],
  ];
  for (const [file, position, name] of cases) {
    test(`has line and column: ${JSON.stringify(file)}`, () => {
      const [problem = '', ...others] = problemsOf(file);
      assert.ok(problem.startsWith(`error ${position} ${name} is `), problem);
      assert.deepEqual(others, []);
    });
  }

  test('is a mapping of a model without one of its two names', () => {
    assert.deepEqual(problemsOf('[runner.model_mappings."A B.c"]\nmodel = "x"'), [
      'error 1:2 runner.model_mappings."A B.c" has no provider',
    ]);
    assert.deepEqual(problemsOf('[runner.model_mappings.a]\nprovider = "x"\nmodel = ""'), [
      'error 1:2 runner.model_mappings.a has no model',
    ]);
  });

  test('is an empty name of a model', () => {
    assert.deepEqual(problemsOf('[runner.model_mappings.""]\nprovider = "x"\nmodel = "y"'), [
      'error 1:2 runner.model_mappings."" has an empty name: write that of a model',
    ]);
    assert.deepEqual(problemsOf('[limits.prices.""]\ninput = 1\noutput = 1'), [
      'error 1:2 limits.prices."" has an empty name: write that of a model',
    ]);
  });

  test('is reported together with all others', () => {
    const problems = problemsOf('[jobs]\nmax_jobs = ""\ncpu = 1\n[log]\nlevel = 1');
    assert.equal(problems.length, 3);
  });
});

describe('an unknown name', () => {
  const cases: [file: string, problem: string][] = [
    ['[jobs]\nmax_job = 1', 'warning 2:1 unknown key "jobs.max_job", did you mean "max_jobs"?'],
    ['[runner]\nurls = 1', 'warning 2:1 unknown key "runner.urls", did you mean "url"?'],
    [
      '[runner]\nSKIP_SSL_VERIFY = 1',
      'warning 2:1 unknown key "runner.SKIP_SSL_VERIFY", did you mean "skip_ssl_verify"?',
    ],
    ['[runner]\nxyzzy = 1', 'warning 2:1 unknown key "runner.xyzzy"'],
    [
      '[github.a]\nconection_id = "x"',
      'warning 2:1 unknown key "github.a.conection_id", did you mean "connection_id"?',
    ],
    ['[job]\nmax_jobs = 1', 'warning 1:2 unknown table "job", did you mean "jobs"?'],
    ['max_jobs = 1', 'warning 1:1 unknown key "max_jobs"'],
    ['[jobs.more]\na = 1', 'warning 1:2 unknown key "jobs.more"'],
    ['\n jobs.max_job = 1', 'warning 2:2 unknown key "jobs.max_job", did you mean "max_jobs"?'],
  ];
  for (const [file, problem] of cases) {
    test(JSON.stringify(file), () => assert.deepEqual(problemsOf(file), [problem]));
  }
});

describe('the ID of a connection', () => {
  const id = '0b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e';
  const connection = (name: string, text: string) => `[github.${name}]\nconnection_id = "${text}"\n`;

  test('must be a UUID', () => {
    assert.deepEqual(problemsOf(connection('a', 'my-connection')), [
      'warning 2:1 github.a.connection_id is not a UUID, so that no task can use the connection',
    ]);
  });

  test('must be unique, ignoring case', () => {
    const file = connection('a', id) + connection('b', id.replace('0', '1')) + connection('c', id.toUpperCase());
    assert.deepEqual(problemsOf(file), [
      'warning 6:1 github.c.connection_id is also the ID of github.a, which is used instead',
    ]);
  });

  test('may be missing', () => assert.deepEqual(problemsOf(connection('a', '') + connection('b', '')), []));
});

describe('a syntax error', () => {
  const cases: [file: string, position: string][] = [
    ['[runner', '1:8'],
    ['[runner]\nurl', '2:4'],
    ['[runner]\nurl = ', '2:7'],
    ['[jobs]\nmax_jobs = 4\nmax_jobs = 5', '3:1'],
    ['[jobs]\nmax_jobs = 4\n[jobs]', '3:2'],
    ['a = 1 b = 2', '1:7'],
  ];
  for (const [file, position] of cases) {
    test(`has line and column: ${JSON.stringify(file)}`, () => {
      assert.match(problemsOf(file)[0] ?? '', new RegExp(`^error ${position} \\S`));
    });
  }
});

describe('a key that is defined twice', () => {
  const cases: [file: string, problem: string][] = [
    [
      '[jobs]\nmax_jobs = 4\n\nmax_jobs = 5',
      'error 4:1 jobs.max_jobs is defined twice, in lines 2 and 4, remove one of them',
    ],
    [
      '[jobs]\nmax_jobs = 4\n[log]\nlevel = "info"\n[jobs]\ncpus = 1',
      'error 5:2 the table [jobs] is defined twice, in lines 1 and 5, move all its keys below the first header',
    ],
    ['a = 1\n"a" = 2', 'error 2:1 a is defined twice, in lines 1 and 2, remove one of them'],
    [
      '[github.a]\ntoken="x"\n[github]\na.token="y"',
      'error 4:1 github.a is defined twice, in lines 1 and 4, remove one of them',
    ],
    ['a.b = 1\na = 2', 'error 2:1 a is defined twice, in lines 1 and 2, remove one of them'],
    ['runner = { url = "a", url = "b" }', 'error 1:23 runner.url is defined twice, in line 1, remove one of them'],
    ['a = [\n{x = 1},\n{x = 1, x = 2}]', 'error 3:9 a.x is defined twice, in line 3, remove one of them'],
    ['[[a]]\nx=1\n[[a]]\nx=1\nx=2', 'error 5:1 a.x is defined twice, in lines 4 and 5, remove one of them'],
    // Another duplicate is before it, but the parser reports tables first.
    [
      '[a]\nx=1\nx=2\n[b]\n[b]',
      'error 5:2 the table [b] is defined twice, in lines 4 and 5, move all its keys below the first header',
    ],
    ['"a\\u0007" = 1\n"a\\u0007" = 1', 'error 2:1 "a\\u0007" is defined twice, in lines 1 and 2, remove one of them'],
    ['a = 1\n'.repeat(30), 'error 2:1 a key is defined twice, remove one of its definitions'],
  ];
  for (const [file, problem] of cases) {
    test(`is named with both lines: ${JSON.stringify(file.slice(0, 60))}`, () =>
      assert.deepEqual(problemsOf(file).slice(0, 1), [problem]));
  }
});

test('no text of the parser is shown', async () => {
  // Its messages are not exported.
  const library = await readFile(fileURLToPath(import.meta.resolve('toml-eslint-parser')), 'utf8');
  const [, table = ''] = /const MESSAGES = \{(.*?)\n\};/s.exec(library) ?? [];
  const messages = [...table.matchAll(/^\t"[\w-]+": "(.*)",?$/gm)].map(([, text = '']) => text);
  assert.ok(messages.length > 20);
  const explained = messages
    .filter((text) => !isDuplicate({ message: text }))
    .map((message) => explainSyntax({ message }));
  assert.deepEqual(
    explained.filter((text) => messages.includes(text) || text.startsWith('this is not valid TOML')),
    [],
  );
  // Each has a remedy.
  assert.deepEqual(
    explained.filter((text) => !/, \w+/.test(text)),
    [],
  );
});

test('a token’s value is in no message', () => {
  for (const line of [
    'token = ["p42r_secret"]',
    'token = { p42r_secret = 1 }',
    'token = p42r_secret',
    'token = "p42r_secret',
    "token = 'p42r_secret' x",
    'token = "p42r_secret\\q"',
    'token = """p42r_secret',
    'token = "p42r_secret"\ntoken = "p42r_secret"',
    'token "p42r_secret"',
    'runtime = "p42r_secret"',
    'url = "p42r_secret"',
    'url = "https://p42r_secret@example.com"',
    'url = "https://example.com/?p42r_secret"',
    'skip_ssl_verify = "p42r_secret"',
  ]) {
    const problems = problemsOf(`[runner]\n${line}\n`);
    assert.ok(problems.length > 0, line);
    assert.doesNotMatch(problems.join(), /secret/, line);
  }
});

test('contradictory settings cause a warning', () => {
  assert.deepEqual(problemsOf('[queues]\nscale_up_at = 0.1\nscale_down_at = 0.9'), [
    'warning 3:1 queues.scale_down_at is not below queues.scale_up_at: queues would be added and removed under steady load',
  ]);
  assert.deepEqual(problemsOf('[queues]\nscale_up_at = 0.5'), []);
});

test('a table of a credential needs a variable and hosts', () => {
  assert.deepEqual(problemsOf('[credentials.a]\nvariable = "A"\nother = 1\n[credentials]\nbroker = "auto"\nx = 1'), [
    'error 1:2 credentials.a has no hosts',
    'warning 3:1 unknown key "credentials.a.other"',
    'warning 6:1 unknown key "credentials.x"',
  ]);
});
