/** The real configuration screen in a real terminal, against the real control plane: keys in, screens out. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseToml } from '../src/config/toml/parse.ts';
import { configScreen, startScreen } from './support/config-screen.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { fakeDocker } from './support/fake-docker.ts';
import { startFakeGithub } from './support/fake-github.ts';
import { startTestServer } from './support/http-server.ts';
import { runCli } from './support/run-cli.ts';
import { runnerJwt } from './support/runner-jwt.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { startTerminal } from './support/terminal.ts';

async function addConnection(plane: TestControlPlane, Name: string): Promise<string> {
  const id = randomUUID();
  const body = { Private: true, RunnerID: plane.server.admin.runnerId, Name };
  const { status } = await plane.call('PUT', `github-connections/${id}`, { body });
  assert.equal(status, 201);
  return id;
}

const configFor = (url: string, token: string) =>
  `# mine\n[runner]\nurl = "${url}" # here\ntoken = "${token}"\nruntime = "docker"\n`;

describe('the configuration screen', () => {
  it('creates a working configuration from nothing', async () => {
    await using plane = await startControlPlane();
    const id = await addConnection(plane, 'work');
    const token = await plane.newToken();
    await using test = await startScreen({ args: ['--server', plane.server.url] });
    const { terminal } = test;
    await terminal.shows('[docker v]  ready (docker 27.1.2)');
    assert.deepEqual(await terminal.cursor(), { column: 25, row: 3, visible: true });
    await terminal.type(token);
    await terminal.shows('*****');
    await terminal.press('Tab', 'Tab', 'Tab');
    const screen = await terminal.shows('Connection ID');
    assert.match(screen, new RegExp(`\\[github: work\\]\\n {3}Name +work\\n {3}Connection ID +${id}\\n > Server URL`));
    await terminal.press('PageDown', 'Tab');
    await terminal.shows('> OpenAI Token');
    await terminal.type('sk-own-key');
    await terminal.press('PageDown');
    await terminal.shows('>[ OK ]');
    await terminal.press('Enter');
    const { exitCode, screen: after } = await test.left();
    assert.equal(exitCode, 0);
    assert.match(after.replaceAll('\n', ''), /^Saved \S+\. Start the runner: "plan42 runner enable"/);
    assert.equal((await terminal.cursor()).visible, true);

    assert.equal((await stat(test.file)).mode & 0o777, 0o600);
    assert.deepEqual(parseToml((await test.saved()) ?? '').values, {
      runner: { url: plane.server.url, token, runtime: 'docker', openai_token: 'sk-own-key' },
      github: { work: { name: 'work', url: 'https://github.com', connection_id: id } },
    });
    await expectRunnerToWork(test.file);
  });

  it('shows the status of each runtime', async () => {
    await using test = await startScreen();
    const { terminal } = test;
    await terminal.shows('[docker v]  ready');
    await terminal.press('Tab', 'Tab', 'Enter');
    const screen = await terminal.shows('Up/Down choose');
    assert.match(screen, /^ {25}> docker {6}ready \(docker 27\.1\.2\)$/m);
    assert.match(screen, /^ {27}podman {6}not installed: there is no podman command$/m);
    assert.match(screen, /^ {27}host {8}installed, not ready: jobs without isola…$/m);
    await terminal.press('Down', 'Enter');
    await terminal.shows('[podman v]  not installed');
    await terminal.press('Enter', 'Up');
    await terminal.shows(/> docker/);
    await terminal.press('Escape');
    await terminal.shows('Tab next');
    assert.match(await terminal.screen(), /\[podman v\]/);
  });

  it('reports errors when the focus leaves the section', async () => {
    await using plane = await startControlPlane();
    const revoked = await plane.newToken();
    const { body } = await plane.call('GET', `${plane.runner}/tokens`);
    for (const { TokenID, Version } of body.Items) {
      await plane.call('POST', `${plane.runner}/tokens/${TokenID}/revoke`, { ifMatch: Version });
    }
    await using test = await startScreen();
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('PageDown');
    await terminal.shows('! missing runner token.');
    await terminal.type('p42r_nonsense');
    await terminal.press('PageDown');
    await terminal.shows('! invalid runner token: a JWT has 3 parts, this has 1.');
    await terminal.press('C-u');
    await terminal.type(revoked);
    await terminal.press('Down', 'C-u', 'PageDown');
    await terminal.shows('! missing server url.');
    await terminal.type('http://example.com');
    await terminal.press('PageDown');
    await terminal.shows('! invalid server url: it is not an https URL');
    await terminal.press('C-u');
    await terminal.type(plane.server.url);
    await terminal.press('PageDown');
    const screen = await terminal.shows('! token not authorized (401');
    assert.match(screen, /^ > Plan42 Runner Token/m);
    assert.equal(await test.saved(), undefined);
  });

  it('warns on opening and after saving if no runner can start with the file', async () => {
    await using plane = await startControlPlane();
    const config = configFor(plane.server.url, await plane.newToken()).replace('"docker"', '"dokcer"');
    await using test = await startScreen({ config });
    const { terminal } = test;
    const screen = await terminal.shows('! No runner can start with it:');
    assert.match(screen.replaceAll(/\s+/g, ' '), /\.toml:5:1: runner\.runtime is not one of docker/);
    await terminal.press('C-s');
    await terminal.shows(/Nothing was changed\.\s+No runner can start/);
    await terminal.press('Down', 'Down', 'Enter', 'Home', 'Enter', 'C-s');
    await terminal.shows(/Saved \S+\.\s+Start the\s+runner:/);
    assert.equal(await test.saved(), config.replace('"dokcer"', '"docker"'));
  });

  it('shows why the selected runtime is not ready, and the remedy', async () => {
    await using plane = await startControlPlane();
    await using test = await startScreen({ config: configFor(plane.server.url, await plane.newToken()) });
    const { terminal } = test;
    await terminal.shows('[docker v]  ready');
    await terminal.press('Tab', 'Tab', 'Enter', 'End', 'Up');
    await terminal.shows(
      /host is not ready: jobs without isolation are not switched on\. Set\s+host\.unisolated = true/,
    );
    await terminal.press('Enter', 'C-s');
    await terminal.shows(/Saved .*host\s+is\s+not\s+ready: jobs/s);
  });

  it('continues when the server is up again', async () => {
    await using plane = await startControlPlane();
    const token = await plane.newToken();
    const gone = await startTestServer(() => {});
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    await using test = await startScreen({ config: configFor(`http://127.0.0.1:${port}`, token) });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('PageDown');
    const screen = await terminal.shows('! unable to connect to server: nothing listens at');
    assert.match(screen, /^ > Server URL/m);
    await using _up = await forward(port, plane.server.url);
    await terminal.press('PageDown');
    await terminal.shows('The tenant has no private GitHub connections.');
    await terminal.shows('> OpenAI Endpoint');
    await terminal.press('PageDown');
    await terminal.shows('>[ OK ]');
  });

  it('cancels the check when the focus moves back', async () => {
    await using silent = await startTestServer(() => {});
    await using test = await startScreen({ config: configFor(silent.url, runnerJwt()) });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    const closed = once(silent.http, 'connection').then(([socket]) => once(socket, 'close'));
    await terminal.press('Tab', 'Tab', 'Tab');
    const screen = await terminal.shows(/[|/\\-] Checking the token with http:/);
    assert.match(screen, /Shift-Tab back and cancel/);
    await terminal.press('BTab');
    await terminal.hides('Checking the token');
    await terminal.shows('> Server URL');
    await closed;
    await terminal.type('/x');
    await terminal.shows(`${silent.url}/x`);
  });

  it('does not change the file on Esc or Ctrl-C', async () => {
    const config = configFor('https://a.example', runnerJwt());
    for (const [key, exitCode] of [
      ['Escape', 0],
      ['C-c', 130],
    ] as const) {
      await using test = await startScreen({ config });
      await test.terminal.shows('> Plan42 Runner Token');
      await test.terminal.type('changed');
      await test.terminal.press('Tab', 'C-u');
      await test.terminal.press(key);
      const left = await test.left();
      assert.deepEqual([left.exitCode, await test.saved()], [exitCode, config]);
      assert.match(left.screen, /^Left without saving\.$/m);
    }
  });

  it('accepts a pasted token of 1,000 characters with a line break, and reveals it', async () => {
    const start = runnerJwt();
    const token = `${start}${'x'.repeat(1000 - start.length)}`;
    await using test = await startScreen();
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.type(`\x1b[200~  ${token.slice(0, 500)}\r\n${token.slice(500)}\n \x1b[201~`);
    await terminal.press('Tab');
    await terminal.shows('(1000 characters)');
    await terminal.shows('> Server URL');
    await terminal.press('BTab', 'C-r');
    await terminal.shows('xxxxxxxx');
    await terminal.press('Home');
    await terminal.shows(token.slice(0, 40));
    await terminal.press('C-r');
    await terminal.hides(token.slice(0, 40));
  });

  it('scrolls through thirty connections in small and large windows', async () => {
    await using plane = await startControlPlane();
    for (let n = 1; n <= 30; n += 1) await addConnection(plane, `connection ${n}`);
    await using test = await startScreen({ config: configFor(plane.server.url, await plane.newToken()) });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('PageDown');
    await terminal.shows('[github: connection 1]');
    assert.match(await terminal.screen(), /-- more below --$/m);
    await terminal.press(...Array.from({ length: 20 }, () => 'PageDown'));
    const small = await terminal.shows('[github: connection 21]');
    assert.match(small, /-- more above --$/m);
    assert.match(small, /\[github: connection 21\]\n.*\n.*\n > Server URL/);
    assert.equal(small.trimEnd().split('\n').length, 24);

    await terminal.resize(120, 60);
    const large = await terminal.shows('[github: connection 24]');
    assert.match(large, /\[github: connection 21\]\n.*\n.*\n > Server URL/);
    assert.equal(large.trimEnd().split('\n').length, 60);
    await terminal.resize(80, 24);
    await terminal.hides('[github: connection 24]');
    assert.equal(await eventually(async () => (await terminal.screen()) === small), true);

    await terminal.press('BTab');
    await terminal.press(...Array.from({ length: 30 }, () => 'PageDown'), 'Enter');
    assert.equal((await test.left()).exitCode, 0);
    const { github } = parseToml((await test.saved()) ?? '').values;
    assert.equal(Object.keys(github as object).length, 30);
  });

  it('works without colors', async () => {
    const green = '\x1b[32m';
    const red = '\x1b[31m';
    await using plain = await startScreen({ env: { NO_COLOR: '1' } });
    await plain.terminal.shows('ready (docker');
    await plain.terminal.press('PageDown');
    await plain.terminal.shows('! missing runner token');
    const screen = await plain.terminal.coloredScreen();
    assert.ok(!screen.includes(green) && !screen.includes(red));
    assert.match(await plain.terminal.screen(), /^ > Plan42 Runner Token/m, 'the focus can be seen');
    await using colored = await startScreen();
    await colored.terminal.shows('ready (docker');
    assert.ok((await colored.terminal.coloredScreen()).includes(green));
  });

  it('checks GitHub tokens in the background', async () => {
    await using plane = await startControlPlane();
    await using github = await startFakeGithub('ghp_right', 'octocat');
    const id = await addConnection(plane, 'work');
    const config = `${configFor(plane.server.url, await plane.newToken())}
[github.work]
name = "work"
connection_id = "${id}"
url = "${github.url}"
token = "ghp_wrong"
`;
    await using test = await startScreen({ config });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('PageDown');
    await terminal.shows('! token rejected (401');
    await terminal.press('Tab', 'M-BSpace', 'BSpace', 'C-w');
    await terminal.type('ghp_right');
    await terminal.press('Tab');
    await terminal.shows('ok: octocat (repo, read:org)');
    github.answer = () => {};
    await terminal.press('BTab');
    await terminal.type('X');
    await terminal.press('Tab');
    await terminal.shows('checking');
    await terminal.press('PageDown', 'Enter');
    assert.equal((await test.left()).exitCode, 0);
    assert.equal(await test.saved(), config.replace('ghp_wrong', 'ghp_rightX'));
  });

  it('keeps unknown connections until they are removed, and comments', async () => {
    await using plane = await startControlPlane();
    const config = `${configFor(plane.server.url, await plane.newToken())}
[github.old] # from last year
connection_id = "${randomUUID()}"
token = "ghp_old"

[unknown]
kept = 1 # why not
`;
    await using test = await startScreen({ config });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('PageDown');
    await terminal.shows('[github: old] (no longer a private connection of the tenant)');
    await terminal.press('C-s');
    await terminal.shows('Nothing was changed.');
    await terminal.press('Tab', 'Tab');
    await terminal.shows('>[ Remove ]');
    await terminal.press('Enter', 'C-s');
    await terminal.shows('Saved');
    assert.equal(
      await test.saved(),
      config.replace(/\[github\.old\] (# from last year\n)connection_id.*\ntoken.*\n/, '$1'),
    );
    await terminal.press('C-s');
    await terminal.shows('Nothing was changed.');
    await terminal.press('Escape');
    assert.match((await test.left()).screen, /^Saved /m, 'though not by the last Ctrl-S');
  });

  it('verifies the certificate again after the URL changes', async () => {
    await using plane = await startControlPlane();
    const config = configFor('https://other.example', await plane.newToken()).replace(
      'runtime =',
      'skip_ssl_verify = true # for now\nruntime =',
    );
    await using test = await startScreen({ config });
    await test.terminal.shows('> Plan42 Runner Token');
    await test.terminal.press('Tab', 'C-u');
    await test.terminal.type(plane.server.url);
    await test.terminal.press('C-s');
    await test.terminal.shows(/Saved .*runner\.skip_ssl_verify\s+is\s+now\s+false/s);
    assert.equal(
      await test.saved(),
      config.replace('https://other.example', plane.server.url).replace('= true #', '= false #'),
    );
  });

  it('does not overwrite changes of another program, and can read them', async () => {
    await using plane = await startControlPlane();
    const token = await plane.newToken();
    const config = configFor(plane.server.url, token);
    await using test = await startScreen({ config });
    const { terminal } = test;
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('Tab', 'Tab', 'Enter', 'Down', 'Enter');
    await terminal.shows('[podman v]');
    const other = `${config}[jobs]\npids = 99\n`;
    await writeFile(`${test.file}.new`, other, { mode: 0o600 });
    await rename(`${test.file}.new`, test.file);
    await terminal.press('C-s');
    await terminal.shows(/Not saved: .*has\s+changed\s+since/s);
    assert.equal(await test.saved(), other);
    await terminal.press('C-l');
    await terminal.shows('Read the file again.');
    await terminal.press('C-s');
    await terminal.shows('Saved');
    assert.equal(await test.saved(), other.replace('"docker"', '"podman"'));
  });
});

describe('the terminal', () => {
  // The raw output of the program. `script` provides a terminal.
  const watch = (env: NodeJS.ProcessEnv = {}) => {
    const command = `echo pid $$; exec ${configScreen} -c /nonexistent/plan42-runner.toml`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', HOME: '/', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const watched = { child, output: '', ended: once(child, 'close') };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      watched.output += text;
    });
    return watched;
  };
  const restored = (output: string) => {
    for (const [on, off] of [
      ['\x1b[?1049h', '\x1b[?1049l'],
      ['\x1b[?2004h', '\x1b[?2004l'],
      ['\x1b[?25l', '\x1b[?25h'],
    ] as const) {
      assert.ok(output.includes(on), JSON.stringify(on));
      assert.ok(output.lastIndexOf(off) > output.lastIndexOf(on), JSON.stringify(off));
    }
    return output.slice(output.lastIndexOf('\x1b[?1049l'));
  };

  it('is restored after SIGTERM and SIGHUP', async () => {
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      const watched = watch();
      await eventually(async () => watched.output.includes('\x1b[?2004h') && watched.output.includes('[ OK ]'));
      process.kill(Number(/pid (\d+)/.exec(watched.output)?.[1]), signal);
      const [exitCode] = await watched.ended;
      assert.match(restored(watched.output), /Left without saving\./);
      assert.equal(exitCode, 130);
    }
  });

  it('is restored after a crash, which is then reported', async () => {
    // As soon as the screen has been drawn.
    const crash = `const { stdout } = process;
      const write = stdout.write.bind(stdout);
      stdout.write = (...args) => {
        if (String(args[0]).includes('[ OK ]')) setImmediate(() => { throw new Error('the sky falls'); });
        return write(...args);
      };`;
    const watched = watch({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}` });
    const [exitCode] = await watched.ended;
    assert.match(restored(watched.output), /ERROR: unexpected failure, please report it: Error: the sky falls/);
    assert.equal(exitCode, 1);
  });

  it('belongs to the shell while the program is suspended', async () => {
    await using dir = await makeTempDir('plan42-screen-');
    const env = { HOME: dir.path, PATH: await fakeDocker(dir.path), PS1: 'ready> ' };
    await using terminal = await startTerminal({ command: ['/bin/bash', '--norc', '--noprofile', '-i'], env });
    await terminal.shows('ready>');
    await terminal.type(`sh -c 'echo $$ >${dir.path}/pid; exec ${configScreen}'`);
    await terminal.press('Enter');
    await terminal.shows('> Plan42 Runner Token');
    await terminal.press('Tab', 'C-u');
    await terminal.type('https://a.example');
    await terminal.shows('https://a.example');
    const pid = Number(await readFile(`${dir.path}/pid`, 'utf8'));
    const stop: [by: () => Promise<void> | boolean, typed: string, shown: string][] = [
      [() => terminal.press('C-z'), '/b', 'https://a.example/b'],
      [() => process.kill(pid, 'SIGSTOP'), '/c', 'https://a.example/b/c'],
    ];
    for (const [by, typed, shown] of stop) {
      await by();
      await terminal.shows('Stopped');
      await terminal.type('fg');
      await terminal.press('Enter');
      await terminal.hides('Stopped');
      await terminal.shows('> Server URL ');
      await terminal.type(typed);
      await terminal.shows(shown);
      assert.equal(await terminal.isFullScreen(), true);
    }
    await terminal.press('Escape');
    await terminal.shows('Left without saving.');
  });

  it('is kept if no shell could resume the program', async () => {
    await using test = await startScreen();
    await test.terminal.shows('> Plan42 Runner Token');
    await test.terminal.press('C-z', 'C-r');
    await test.terminal.type('p42r_x');
    await test.terminal.shows('p42r_x');
  });

  it('is required, and the error names an alternative', () => {
    const { status, stdout, stderr } = spawnSync(configScreen, ['-c', '/nonexistent'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^ERROR: the configuration screen needs a terminal\. Use "plan42 runner config set"[^\n]*\n$/);
  });

  it('is not changed for a file that is not TOML', async () => {
    await using test = await startScreen({ config: '[runner\n' });
    const { exitCode, screen } = await test.left();
    assert.equal(exitCode, 3);
    assert.match(screen.replaceAll('\n', ''), /^ERROR: \S+:2:1: .*Fix it with an editor\./);
  });
});

/** The runner takes the configuration, and the server the runner. */
async function expectRunnerToWork(file: string): Promise<void> {
  const folder = dirname(file);
  const env = {
    HOME: folder,
    PATH: `${folder}/bin:/usr/bin:/bin`,
    PLAN42_QUEUES_DRAIN_TIME: '100ms',
    PLAN42_QUEUES_POLL_WAIT: '1s',
  };
  const validated = await runCli(['runner', 'config', 'validate', '-c', file], { env });
  assert.equal(validated.exitCode, 0, `${validated.stdout}${validated.stderr}`);
  const runner = spawn(join(import.meta.dirname, '../bin/plan42-runner'), ['-c', file], { env });
  let log = '';
  runner.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(runner, 'exit');
  try {
    await eventually(async () => log.includes('runner ready'));
  } finally {
    runner.kill('SIGTERM');
    await ended;
  }
}

/** Brings a server up at a port, in front of another. */
async function forward(port: number, target: string): Promise<AsyncDisposable> {
  const { createServer, connect } = await import('node:net');
  const server = createServer((socket) => {
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return { [Symbol.asyncDispose]: async () => void server.close() };
}
