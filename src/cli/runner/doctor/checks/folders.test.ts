import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type DoctorSetting, setUp, startDoctorSetting } from '../../../../../test/support/doctor-setting.ts';
import { asOrdinaryUser } from '../../../../../test/support/ordinary-user.ts';
import { checkFolders } from './folders.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('what is amiss is found, with a remedy', () => {
  test('files and folders that others can use, with commands that mend it', async () => {
    await using patient = await setUp(setting);
    const state = join(patient.dir.path, 'state');
    await mkdir(join(state, 'logs'), { recursive: true, mode: 0o700 });
    await chmod(patient.configFile, 0o644);
    await chmod(state, 0o755);
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found.join(), /others can use it \(mode 0644\)/);
    assert.match(of('folders').found.join(), /state: .* can be used by others \(mode 0755\)/);
    for (const name of ['configuration', 'folders']) {
      assert.equal(of(name).status, 'warning');
      await promisify(exec)(of(name).remedies[0]?.command ?? 'false');
    }
    const after = await patient.checks();
    for (const name of ['configuration', 'folders']) assert.equal(after.of(name).status, 'ok');
  });

  test('a state folder that cannot be made or is a file', async () => {
    await using patient = await setUp(setting);
    await writeFile(join(patient.dir.path, 'state'), '');
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.equal(of('folders').status, 'failed');
    assert.match(of('folders').found[0] ?? '', /state: .*state cannot be written: it is a file/);
    const { stdout } = await patient.run(['--state-dir', '/proc/plan42', '--json']);
    assert.match(
      JSON.parse(stdout).checks[1].found[0],
      /\/proc\/plan42 cannot be written: \/proc does not let it be made/,
    );
  });

  test('a state folder that is somebody else’s is taken over, or made, and those above it are left alone', async () => {
    await using patient = await setUp(setting);
    const state = join(patient.dir.path, 'state');
    const folders = async (stateDir: string) => {
      const paths = { configFile: '', stateDir, logDir: join(stateDir, 'logs') };
      const { status, found, remedies } = await asOrdinaryUser(() => checkFolders({ paths }));
      assert.equal(status, 'failed');
      assert.deepEqual(
        found.map((text) => /EACCES/.test(text)),
        [true, true],
      );
      return remedies.map(({ text, command }) => [text, command]);
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
