/** A server that is killed has every log entry whose upload it has acknowledged. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const agents = 20;
const kills = 3;
const uploadsBeforeKill = 100;

test('no acknowledged upload is lost by SIGKILL', async () => {
  await using dir = await makeTempDir();
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < kills; round += 1) {
    await using server = await ServerProcess.start(dir.path);
    const { tenantId, tenantToken: token } = JSON.parse(await readFile(join(dir.path, 'admin.json'), 'utf8'));
    const tasks = `/v1/tenants/${tenantId}/tasks`;
    const call = (method: string, path: string, options: object = {}) =>
      callServer(server.url, method, path, { token, ...options });
    for (const [taskId, last] of acknowledged) {
      const { status, body } = await call('GET', `${tasks}/${taskId}/turns/1/logs/last`);
      assert.equal(status, 200, body.Message);
      assert.ok(body.Index >= last, `entry ${last} of ${taskId} is lost, the last one is ${body.Index}`);
      assert.equal(body.Message, `entry ${body.Index}`);
    }
    const environment = `/v1/tenants/${tenantId}/environments/${randomUUID()}`;
    await call('PUT', environment, { body: { DockerImage: 'agent' } });
    const EnvironmentId = environment.slice(environment.lastIndexOf('/') + 1);
    let uploads = 0;
    const upload = async () => {
      const taskId = randomUUID();
      const body = { Title: 'title', Prompt: 'prompt', EnvironmentId };
      assert.equal((await call('PUT', `${tasks}/${taskId}`, { body })).status, 201);
      const path = `${tasks}/${taskId}/turns/1`;
      for (let index = 0; ; ) {
        const { Version: ifMatch } = (await call('GET', path)).body;
        const Logs = [{ Timestamp: new Date().toISOString(), Message: `entry ${index}` }];
        const { status } = await call('POST', `${path}/logs`, { ifMatch, body: { Index: index, Logs } });
        // The scheduler has changed the status of the turn in between.
        if (status === 409) continue;
        assert.equal(status, 200);
        acknowledged.set(taskId, index);
        uploads += 1;
        index += 1;
      }
    };
    // They fail when the server is killed.
    const all = Promise.allSettled(Array.from({ length: agents }, upload));
    await eventually(() => Promise.resolve(uploads >= uploadsBeforeKill));
    await server.stop();
    const reasons = (await all).map((result) => (result.status === 'rejected' ? String(result.reason) : ''));
    for (const reason of reasons) assert.match(reason, /fetch failed|terminated|socket/i);
  }
  assert.ok(acknowledged.size >= agents);
});
