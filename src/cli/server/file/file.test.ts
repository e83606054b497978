import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { callServer } from '../../../../test/support/control-plane.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';

const plain = { columns: 120, env: { NO_COLOR: '1' } };

async function upload(test: TestServer, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await test.plan42(['file', 'upload', ...argv]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trimEnd();
}

describe('plan42 server file', () => {
  it('uploads, lists, downloads and deletes', async () => {
    await using test = await startTestServer();
    await using dir = await makeTempDir();
    const path = join(dir.path, 'näme.txt');
    await writeFile(path, 'content\n');
    assert.match((await test.plan42(['file', 'list'])).stderr, /^No files\. Upload one with /);
    const id = await upload(test, path);
    const piped = await test.plan42(['file', 'upload', '--name', 'changes.diff', '--json', '-'], { stdin: '+x\n' });
    const made = parseAs('server-file.json', piped.stdout);
    assert.deepEqual([made.Name, made.Size, made.Uploaded], ['changes.diff', 3, true]);
    const lines = (await test.plan42(['file', 'list'], plain)).stdout.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^FILE +NAME +SIZE +STATE +CREATED$/);
    assert.match(lines.find((line) => line.includes('näme')) ?? '', /^[\da-f]{8} +näme\.txt +8 bytes? +complete +20/);
    const all = parseAs('server-file-list.json', (await test.plan42(['file', 'list', '--json'])).stdout);
    assert.equal(all.length, 2);

    const target = join(dir.path, 'copy');
    const saved = await test.plan42(['file', 'download', id.slice(0, 8), target]);
    assert.deepEqual([saved.exitCode, saved.stderr], [0, `Saved ${target}\n`]);
    assert.equal(await readFile(target, 'utf8'), 'content\n');
    const again = await test.plan42(['file', 'download', id, target]);
    assert.match(again.stderr, /^ERROR: \S+ exists\. Give another path, or --force to replace it\./);
    assert.equal((await test.plan42(['file', 'download', made.FileID, target, '--force'])).exitCode, 0);
    assert.equal(await readFile(target, 'utf8'), '+x\n');
    assert.equal((await test.plan42(['file', 'download', id, '-'])).stdout, 'content\n');
    const inFolder = await test.plan42(['file', 'download', made.FileID, dir.path]);
    assert.equal(inFolder.stderr, `Saved ${join(dir.path, 'changes.diff')}\n`);

    const deleted = await test.plan42(['file', 'delete', id.slice(0, 8), made.FileID]);
    assert.equal(deleted.stderr, `File ${id} deleted.\nFile ${made.FileID} deleted.\n`);
    assert.match((await test.plan42(['file', 'download', id, '-'])).stderr, /ERROR: .*the File was deleted/);
    const { tenantId, tenantToken } = test.server.admin;
    const cut = `/v1/tenants/${tenantId}/files/${randomUUID()}`;
    await callServer(test.server.url, 'PUT', cut, { token: tenantToken, body: { Name: 'cut', Size: 1 } });
    const incomplete = await test.plan42(['file', 'download', cut.split('/').at(-1) ?? '', '-']);
    assert.equal(
      incomplete.stderr,
      'ERROR: the server rejected the request: the upload of the file was not completed, so it has no content; upload it as a new file.\n',
    );
    assert.match((await test.plan42(['file', 'delete', 'abc'])).stderr, /file abc not found\. To list them, run/);
  });

  it('refuses what it cannot upload, with a remedy', async () => {
    await using test = await startTestServer();
    await using dir = await makeTempDir();
    const empty = join(dir.path, 'empty');
    await writeFile(empty, '');
    const error = async (...argv: string[]) => (await test.plan42(['file', 'upload', ...argv])).stderr;
    assert.match(await error(empty), /^ERROR: cannot upload \S+: it is empty\. Choose a file with content\./);
    assert.match(await error(join(dir.path, 'none')), /no such file.* Choose a readable file of at most 30 MiB\./);
    assert.match(await error(dir.path), /it is a folder, not a file\. Choose/);
    assert.match(await error('/dev/null'), /^ERROR: cannot upload \/dev\/null: it is a device, not a file\. Choose/);
    assert.match(await error('-'), /^ERROR: standard input has no name\. Name it with --name NAME\./);
    assert.match(await error('--name', 'x', empty, empty), /^ERROR: --name is for one file/);
    const unsafe = await test.plan42(['file', 'upload', '--name', '../x', '-'], { stdin: 'x' });
    assert.match(unsafe.stderr, /^ERROR: the server rejected the request: .*Name must have no control characters/);
    assert.deepEqual(JSON.parse((await test.plan42(['file', 'list', '--json'])).stdout), []);
  });

  it('leaves no file if the task or turn that names it is refused', async () => {
    await using test = await startTestServer();
    await using dir = await makeTempDir();
    const path = join(dir.path, 'a.txt');
    await writeFile(path, 'x');
    const create = ['task', 'create', '--image', 'example.com/agent:1', '--prompt', 'Look.'];
    const task = (await test.plan42(create)).stdout.trimEnd();
    const add = ['turn', 'create', task, '--prompt', 'More.', '--file', path];
    assert.match((await test.plan42(add)).stderr, /^ERROR: turn 1 is not finished yet/);
    const large = join(dir.path, 'prompt');
    await writeFile(large, 'x'.repeat(1024 * 1024 + 1));
    const tooLarge = await test.plan42([
      ...create.slice(0, -2),
      '--prompt-file',
      large,
      '--title',
      't',
      '--file',
      path,
    ]);
    assert.match(
      tooLarge.stderr,
      /^ERROR: the server rejected the request: Prompt is larger than 1\.0 MiB; shorten it/,
    );
    await test.updateTurn(task, { Status: 'Completed' });
    const again = ['turn', 'create', task, '--prompt-file', large, '--file', path];
    assert.match((await test.plan42(again)).stderr, /Prompt is larger than 1\.0 MiB/);
    assert.deepEqual(JSON.parse((await test.plan42(['file', 'list', '--json'])).stdout), []);
    assert.equal((await test.plan42(add)).exitCode, 0);
    assert.equal(JSON.parse((await test.plan42(['file', 'list', '--json'])).stdout).length, 1);
  });

  it('--file attaches a file to a task and to a turn', async () => {
    await using test = await startTestServer();
    await using dir = await makeTempDir();
    const [a, b] = ['a.png', 'b.md'].map((name) => join(dir.path, name));
    for (const path of [a, b]) await writeFile(path ?? '', 'x');
    const create = ['task', 'create', '--image', 'example.com/agent:1', '--prompt', 'Look.'];
    const missing = await test.plan42([...create, '--file', join(dir.path, 'none')]);
    assert.deepEqual([missing.exitCode, (await test.client.listTasks()).length], [1, 0]);
    const { stdout } = await test.plan42([...create, '--file', a ?? '']);
    const taskId = stdout.trimEnd();
    await test.updateTurn(taskId, { Status: 'Completed' });
    const turn = await test.plan42(['turn', 'create', taskId, '--prompt', 'More.', '--file', b ?? '']);
    assert.equal(turn.exitCode, 0, turn.stderr);
    const { FileIDs, NewFileIDs } = await test.client.getTask(taskId);
    assert.deepEqual([FileIDs?.length, NewFileIDs?.length], [1, 1]);
    assert.match((await test.plan42(['task', 'show', taskId], plain)).stdout, /^Files +a\.png, b\.md$/m);
    await test.plan42(['file', 'delete', FileIDs?.[0] ?? '']);
    assert.match((await test.plan42(['task', 'show', taskId], plain)).stdout, /^Files +a\.png \(deleted\), b\.md$/m);
  });
});
