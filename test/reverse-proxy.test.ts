/** The server behind a real nginx, over TLS, with the configuration of docs/reverse-proxy.md and nothing else. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Agent, request } from 'undici';
import { freePort } from '../scripts/free-port.ts';
import { exists } from '../src/lib/files.ts';
import { chromiumPath, launchBrowser, openPage } from './support/browser.ts';
import { readPage } from './support/docs/page.ts';
import { nginxPath, startNginx } from './support/nginx.ts';
import { runCli } from './support/run-cli.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { tlsPair } from './support/tls-pair.ts';

const agent = join(import.meta.dirname, '../dist/js/plan42-sample-agent.mjs');
const skip = !(await exists(nginxPath)) && `missing prerequisite: nginx: there is no ${nginxPath}`;
const withoutBrowser = skip || (!(await exists(chromiumPath)) && `missing prerequisite: chromium: no ${chromiumPath}`);

const mib = 1024 * 1024;

suite('behind nginx', { concurrency: false, skip }, () => {
  const resources = new AsyncDisposableStack();
  const client = new Agent({ connect: { rejectUnauthorized: false } });
  resources.defer(() => client.destroy());
  let server: ServerProcess;
  let certificate: string;
  let url: string;
  let tokens: { tenantId: string; tenantToken: string };

  before(async () => {
    const folder = resources.use(await makeTempDir());
    const file = (name: string) => join(folder.path, name);
    certificate = file('cert.pem');
    await writeFile(certificate, tlsPair.cert);
    await writeFile(file('key.pem'), tlsPair.key);
    const [port, serverPort] = [await freePort(), await freePort()];
    url = `https://localhost:${port}`;
    server = await ServerProcess.start(file('data'), serverPort, ['--public-url', url]);
    resources.defer(() => server[Symbol.asyncDispose]());
    const page = await readPage(join(import.meta.dirname, '../docs/reverse-proxy.md'));
    const [documented = '', location = ''] = page.blocks
      .filter(({ language }) => language === 'nginx')
      .map(({ text }) => text.replace('127.0.0.1:7042', `127.0.0.1:${serverPort}`));
    const servers = documented
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replace('server_name plan42.example.com', 'server_name localhost')
      .replace(/\/etc\/ssl\S+\.pem/, certificate)
      .replace(/\/etc\/ssl\S+\.key/, file('key.pem'))
      .replace(/\}\s*$/, `${location}\n}`);
    resources.use(await startNginx(file('nginx'), servers, port));
    tokens = JSON.parse(await readFile(file('data/admin.json'), 'utf8'));
  });
  after(() => resources.disposeAsync());

  const call = async (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object, ifMatch?: number) => {
    const headers = {
      authorization: `APIToken ${tokens.tenantToken}`,
      ...(body && { 'content-type': 'application/json' }),
      ...(ifMatch !== undefined && { 'if-match': String(ifMatch) }),
    };
    const full = `${url}/v1/tenants/${tokens.tenantId}/${path}`;
    const response = await request(full, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      dispatcher: client,
    });
    return { status: response.statusCode, headers: response.headers, body: response.body };
  };
  const cli = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await runCli(['server', ...args, '--data', server.dataDir]);
    assert.equal(exitCode, 0, stderr);
    return stdout.trim();
  };
  const newTask = (title: string) =>
    cli('task', 'create', '--image', 'example.com/agent:1', '--prompt', 'Hello.', '--title', title);
  const upload = async (taskId: string, index: number, messages: string[]) => {
    const path = `tasks/${taskId}/turns/1`;
    const { Version } = (await (await call('GET', path)).body.json()) as { Version: number };
    const Logs = messages.map((Message) => ({ Timestamp: '2026-01-01T00:00:00Z', Message }));
    return await call('POST', `${path}/logs`, { Index: index, Logs }, Version);
  };
  const newRunner = async (runnerUrl: string) => {
    const config = `[network]\nca_file = "${certificate}"\n[host]\nunisolated = true\ncommand = ["${process.execPath}", "${agent}"]\n`;
    return RunnerProcess.start({ url: runnerUrl, token: await cli('token', 'create'), runtime: 'host', config });
  };

  test('a line of the live log arrives before the turn ends', async () => {
    const taskId = await newTask('Hello.');
    assert.equal((await upload(taskId, 0, ['first'])).status, 200);
    const { status, headers, body } = await call('GET', `tasks/${taskId}/turns/1/logs`);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-cache, no-transform');
    const chunks = body.iterator({ destroyOnReturn: true });
    let received = '';
    const until = async (text: string) => {
      while (!received.includes(text)) received += String((await chunks.next()).value);
    };
    await until('"first"');
    await upload(taskId, 1, ['second']);
    await until('"second"');
    await chunks.return?.();
    await cli('task', 'cancel', taskId);
  });

  test('a runner and its agent work through it, also under a path', async () => {
    for (const runnerUrl of [url, `${url}/plan42`]) {
      await using runner = await newRunner(runnerUrl);
      await runner.logged(/queue registered/);
      const output = await cli(
        'task',
        'create',
        '--image',
        'x/agent:1',
        '--prompt',
        'Four words are here.',
        '--follow',
      );
      assert.match(output, /Your prompt has 4 words/);
      assert.doesNotMatch(runner.log, /unreachable|poll cut off/);
    }
  });

  test('requests up to the limits of the server pass, and larger ones get its error or a clear one', async () => {
    const taskId = await newTask('Hello.');
    // Each byte of the messages takes six in JSON.
    const messages = Array.from({ length: 16 }, () => '\u0001'.repeat(mib / 16));
    assert.equal((await upload(taskId, 0, messages)).status, 200);
    const tooLarge = await upload(taskId, 16, [...messages, 'x']);
    assert.deepEqual([tooLarge.status, tooLarge.headers['content-type']], [413, 'application/json']);
    const foreign = await upload(taskId, 16, ['x'.repeat(17 * mib)]);
    assert.deepEqual([foreign.status, foreign.headers['content-type']], [413, 'text/html']);
    await cli('task', 'cancel', taskId);
  });

  test('the page signs in and shows a live log, also under a path', { skip: withoutBrowser }, async () => {
    await using resources = new AsyncDisposableStack();
    const browser = await launchBrowser();
    resources.defer(() => browser.close());
    const taskId = await newTask('Shown on the page');
    await upload(taskId, 0, ['a line of the log']);
    for (const path of ['', '/plan42']) {
      await using watched = await openPage(browser, { origin: url, anyCertificate: true });
      const { page } = watched;
      const link = await cli('link');
      assert.ok(link.startsWith(`${url}/#sign-in=`), link);
      await page.goto(link.replace(url, `${url}${path}`));
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.getByRole('link', { name: 'Shown on the page' }).first().click();
      await page.getByRole('log', { name: 'Log of turn 1' }).getByText('a line of the log').waitFor();
    }
    await cli('task', 'cancel', taskId);
  });
});
