import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connection, type DoctorSetting, setUp, startDoctorSetting } from '../../../../test/support/doctor-setting.ts';
import { type Answerer, sendJson, startTestServer } from '../../../../test/support/http-server.ts';
import { checks } from './checks.ts';

const asUser: Answerer = (response) =>
  sendJson(response, 200, { login: 'octocat' }, { 'x-oauth-scopes': 'repo, read:org' });

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('when everything is fine', () => {
  test('every check says so, and the exit code is 0', async () => {
    await using github = await startTestServer(asUser);
    await using patient = await setUp(setting, { config: connection(github.url) });
    await mkdir(join(patient.dir.path, 'state/logs'), { recursive: true, mode: 0o700 });
    const { exitCode, of } = await patient.checks();
    for (const { name } of checks) {
      // Whether there is a runner to be found is the machine's business.
      if (name !== 'service') assert.equal(of(name).status, 'ok', `${name}: ${of(name).found.join()}`);
    }
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found[0] ?? '', /plan42-runner\.toml has no mistakes/);
    assert.match(of('token').found[0] ?? '', /^tenant [\w-]+, runner [\w-]+; it is valid until 20/);
    assert.match(of('clock').found[0] ?? '', /agrees with the server’s/);
    assert.match(of('api').found[0] ?? '', /takes the token; answered in \d+ ms/);
    assert.equal(of('runtime').found[0], 'apple: container 1.3.1, its services are started when they are needed');
    assert.equal(of('images').found[0], 'every image may run; pull policy "always"; nothing was pulled');
    assert.equal(of('github').found[0], `work: octocat at ${new URL(github.url).host}, with the scopes repo, read:org`);
    assert.match(of('disk').found[0] ?? '', /GiB free for .*state/);
  });

  test('it changes and starts nothing', async () => {
    await using patient = await setUp(setting);
    await patient.run();
    assert.deepEqual(await readdir(patient.dir.path), ['plan42-runner.toml']);
    assert.equal(setting.apple.state.has('services'), false);
  });

  test('the text has a line for each check in order, and a summary; nothing is on standard error', async () => {
    await using patient = await setUp(setting);
    const { stdout, stderr, exitCode } = await patient.run();
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    const titles = checks.map(({ title }) => title);
    const order = titles.map((title) => stdout.indexOf(` ${title} `));
    assert.ok(!order.includes(-1));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.match(stdout, /\n10 checks in \d+\.\d s: 8 ok, .*[12] (skipped|warning)/);
    assert.ok(!stdout.includes('\x1b'));
  });

  test('on a terminal there are colours, and what is being looked at', async () => {
    await using patient = await setUp(setting);
    const { stdout, stderr } = await patient.run([], { columns: 60 });
    assert.ok(stdout.includes('\x1b[32mok'));
    assert.match(stderr, /checking: Configuration, Folders/);
    assert.ok(stderr.endsWith('\r\x1b[K'), 'the line is taken away');
    const tooLong = stderr.split('\r\x1b[K').filter((line) => line.length > 60);
    assert.deepEqual(tooLong, []);
    assert.equal((await patient.run(['--json'], { columns: 60 })).stdout[0], '{');
  });
});
