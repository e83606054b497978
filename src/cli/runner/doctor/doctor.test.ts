import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connection, type DoctorSetting, setUp, startDoctorSetting } from '../../../../test/support/doctor-setting.ts';
import { type Answerer, sendJson, startTestServer } from '../../../../test/support/http-server.ts';
import { doctorChecks } from '../../../checks/lists.ts';

const asUser: Answerer = (response) =>
  sendJson(response, 200, { login: 'octocat' }, { 'x-oauth-scopes': 'repo, read:org' });

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('plan42 runner doctor', () => {
  test('exits with 0 if every check is ok', async () => {
    await using github = await startTestServer(asUser);
    await using patient = await setUp(setting, { config: connection(github.url) });
    await mkdir(join(patient.dir.path, 'state/logs'), { recursive: true, mode: 0o700 });
    const { exitCode, of } = await patient.checks();
    for (const { name } of doctorChecks) {
      // Depends on whether a runner is installed on this machine, and there is no test container, no endpoint and no mount here.
      if (!['service', 'container', 'credentials', 'limits', 'health', 'connections', 'given'].includes(name))
        assert.equal(of(name).status, 'ok', `${name}: ${of(name).found.join()}`);
    }
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found[0] ?? '', /plan42-runner\.toml: valid$/);
    assert.match(of('token').found[0] ?? '', /^runner [\w-]+ of tenant [\w-]+, valid until 20/);
    assert.match(of('clock').found[0] ?? '', /in sync with the server/);
    assert.match(of('api').found[0] ?? '', /accepts the token, responded in \d+ ms/);
    assert.equal(of('runtime').found[0], 'apple: container 1.3.1, its services are started when they are needed');
    assert.equal(of('images').found[0], 'all images allowed; pull policy "always"');
    assert.equal(of('github').found[0], 'github.work.token: octocat (repo, read:org)');
    assert.match(of('disk').found[0] ?? '', /GiB free on the file system of .*state/);
  });

  test('changes and starts nothing', async () => {
    await using patient = await setUp(setting);
    await patient.run();
    assert.deepEqual(await readdir(patient.dir.path), ['plan42-runner.toml']);
    assert.equal(setting.apple.state.has('services'), false);
  });

  test('prints the checks in order and a summary, and nothing on standard error', async () => {
    await using patient = await setUp(setting);
    const { stdout, stderr, exitCode } = await patient.run();
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    const titles = doctorChecks.map(({ title }) => title);
    const order = titles.map((title) => stdout.indexOf(` ${title} `));
    assert.ok(!order.includes(-1));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.match(stdout, /\n16 checks in \d+\.\d s: 8 ok, .*[78] (skipped|warning)/);
    assert.ok(!stdout.includes('\x1b'));
  });

  test('on a terminal, uses colors and shows the running checks', async () => {
    await using patient = await setUp(setting);
    const { stdout, stderr } = await patient.run([], { columns: 60 });
    assert.ok(stdout.includes('\x1b[32mok'));
    assert.match(stderr, /checking: Configuration, Folders/);
    assert.ok(stderr.endsWith('\r\x1b[K'), 'the line is erased');
    const tooLong = stderr.split('\r\x1b[K').filter((line) => line.length > 60);
    assert.deepEqual(tooLong, []);
    assert.equal((await patient.run(['--json'], { columns: 60 })).stdout[0], '{');
  });
});
