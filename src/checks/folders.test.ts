import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type DoctorSetting, setUp, startDoctorSetting } from '../../test/support/doctor-setting.ts';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { checkFolders } from './folders.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('folders', () => {
  test('warns of files and folders that other users can access, with commands that fix it', async () => {
    await using patient = await setUp(setting);
    const state = join(patient.dir.path, 'state');
    await mkdir(join(state, 'logs'), { recursive: true, mode: 0o700 });
    await chmod(patient.configFile, 0o644);
    await chmod(state, 0o755);
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found.join(), /other users can access it \(mode 0644\)/);
    assert.match(of('folders').found.join(), /state: .* is accessible to other users \(mode 0755\)/);
    for (const name of ['configuration', 'folders']) {
      assert.equal(of(name).status, 'warning');
      await promisify(exec)(of(name).remedies[0]?.command ?? 'false');
    }
    const after = await patient.checks();
    for (const name of ['configuration', 'folders']) assert.equal(after.of(name).status, 'ok');
  });

  test('rejects a state folder that others can write to', async () => {
    await using patient = await setUp(setting);
    const state = join(patient.dir.path, 'state');
    await mkdir(state, { mode: 0o700 });
    await writeFile(join(state, 'planted'), '');
    await chmod(state, 0o777);
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.match(of('folders').found.join(), /state: .* cannot be used: other users can write to it \(mode 0777\)/);
    await promisify(exec)(of('folders').remedies[0]?.command ?? 'false');
    assert.equal((await patient.checks()).of('folders').status, 'ok');
  });

  test('rejects a state folder that cannot be created or is a file', async () => {
    await using patient = await setUp(setting);
    await writeFile(join(patient.dir.path, 'state'), '');
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.equal(of('folders').status, 'failed');
    assert.match(of('folders').found[0] ?? '', /state: .*state is not writable: it is a file/);
    const { stdout } = await patient.run(['--state-dir', '/proc/plan42', '--json']);
    assert.match(JSON.parse(stdout).checks[1].found[0], /\/proc\/plan42 is not writable: cannot create it in \/proc/);
  });

  test('commands for a state folder of another user leave its parents alone', async () => {
    await using patient = await setUp(setting);
    const state = join(patient.dir.path, 'state');
    const folders = async (stateDir: string) => {
      const paths = { configFile: '', stateDir, logDir: join(stateDir, 'logs') };
      const findings = await asOrdinaryUser(() => checkFolders({ paths }));
      assert.deepEqual(
        findings.map(({ status, message }) => [status, /EACCES/.test(message)]),
        [
          ['failed', true],
          ['failed', true],
        ],
      );
      return findings.flatMap(({ remedies }) => remedies).map(({ text, command }) => [text, command]);
    };
    await mkdir(join(state, 'logs'), { recursive: true });
    await chmod(patient.dir.path, 0o755);
    for (const folder of [join(state, 'logs'), state]) await chmod(folder, 0o555);
    const yours = 'Change its owner, or choose another folder with --state-dir.';
    assert.deepEqual(await folders(state), [[yours, `sudo chown -R "$(id -un)" ${state}`]]);
    const inside = join(state, 'new');
    assert.deepEqual(await folders(inside), [[yours, `sudo install -d -m 700 -o "$(id -un)" ${inside}`]]);
  });
});
