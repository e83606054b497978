/** Whatever a batch holds, the good messages are answered, the process stays up, and the log gives nothing away. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { generateKeyPair, publicKeyPem } from '../src/plan42/ecies.ts';
import { MessagePlane } from './support/message-plane.ts';
import { RunnerProcess } from './support/runner-process.ts';

const host = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
const secret = 'do-not-log-this';

test('bad messages cost no good one its answer', async () => {
  await using plane = await new MessagePlane().listen();
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config: host });
  await runner.ready();

  const ping = { Type: 'PingRequest', Unknown: secret };
  const flipped = plane.message(ping);
  const payload = flipped['Payload'] as { EncryptedData: string };
  const data = Buffer.from(payload.EncryptedData, 'base64');
  data[3] = (data[3] ?? 0) ^ 1;
  payload.EncryptedData = data.toString('base64');

  const bad = {
    'another algorithm': plane.message(ping, { payload: { EncryptionAlgorithm: 'ROT13' } }),
    'a bad ephemeral key': plane.message(ping, { payload: { EphemeralPublicKey: 'junk' } }),
    'a flipped bit': flipped,
    'another recipient': plane.message(ping, {
      payload: { EphemeralPublicKey: publicKeyPem(generateKeyPair().publicKey) },
    }),
    'no payload': plane.message(ping, { payload: null }),
    'no caller': plane.message(ping, { CallerID: null }),
    'a bad caller key': plane.message(ping, { CallerPublicKey: 'junk' }),
    'a number as caller key': plane.message(ping, { CallerPublicKey: 1 }),
    'junk instead of JSON': plane.message(`${secret}{`),
    null: plane.message('null'),
    'an array': plane.message([secret]),
    'no type': plane.message({ Secret: secret }),
    'a null type': plane.message({ Type: null }),
    'an unknown type': plane.message({ Type: 'MakeCoffeeRequest', Secret: secret }),
    'a type from the prototype': plane.message({ Type: '__proto__' }),
  };
  const messages = Object.values(bad);
  const good = () => plane.message(ping);
  const first = await plane.deliverExpecting(2, [...messages.slice(0, 8), good(), good()]);
  const second = await plane.deliverExpecting(1, [...messages.slice(8), good()]);
  const answers = [...first.slice(0, 8), ...second.slice(0, -1)];
  for (const [index, name] of Object.keys(bad).entries()) assert.equal(answers[index], undefined, name);
  for (const answer of [...first.slice(-2), ...second.slice(-1)]) assert.deepEqual(answer, { Type: 'PingResponse' });

  const [notEven] = await plane.deliver([good()]);
  assert.deepEqual(notEven, { Type: 'PingResponse' }, 'it is still up');
  for (const [name, message] of Object.entries(bad)) {
    assert.ok(runner.log.includes(String(message['MessageID'])), `the log has the ID of the message with ${name}`);
  }
  assert.ok(!runner.log.includes(secret), 'no payload in the log');
  assert.ok(!runner.log.includes('PRIVATE KEY'));
  assert.ok(!runner.log.includes(plane.token.slice(5, 60)), 'no token in the log');
});

test('nine good messages beside one that cannot be read are answered', async () => {
  await using plane = await new MessagePlane().listen();
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config: host });
  await runner.ready();
  const ping = { Type: 'PingRequest' };
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const message = (body: unknown, changes: object) => JSON.stringify(plane.message(body, { ...changes }));
  const bad: [reason: string, text: (id: string) => string][] = [
    ['too large', (MessageID) => message(ping, { MessageID, Secret: secret.repeat(2 ** 21) })],
    // The poll is larger than any other response may be.
    ['too large', (id) => `{"MessageID":"${id}","Payload":"${'x'.repeat(70 * 2 ** 20)}"}`],
    ['nested deeper than 100 levels', (id) => `{"MessageID":"${id}","Payload":${nested(5e6)}}`],
    ['nested deeper than 100 levels', (MessageID) => message(nested(5e6), { MessageID })],
    ['not JSON', (id) => `{"MessageID":"${id}","Payload":oops}`],
    ['not JSON', (MessageID) => message(`${secret}{`, { MessageID })],
    ['invalid message', (id) => `{"MessageID":"${id}"}`],
  ];
  for (const [reason, text] of bad) {
    const id = randomUUID();
    const good = () => plane.message(ping);
    const messages = [...Array.from({ length: 4 }, good), text(id), ...Array.from({ length: 5 }, good)];
    const answers = await plane.deliver(messages, 20_000);
    assert.equal(answers.filter((answer) => answer?.['Type'] === 'PingResponse').length, 9, reason);
    const [line] = await runner.logged(new RegExp(`.*message rejected.*${id}.*`));
    assert.ok(line.includes(reason), line);
  }
  // Parsing the nested ones would take 350 MB each, and keeping the largest one 140 MB.
  const [, peakKiB] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${runner.pid}/status`, 'utf8')) ?? [];
  assert.ok(Number(peakKiB) < 400 * 1024, `the runner used up to ${peakKiB} KiB`);
  assert.ok(!runner.log.includes(secret), 'no payload in the log');
});

test('elements of a batch that are no messages at all', async () => {
  await using plane = await new MessagePlane().listen();
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config: host });
  await runner.ready();
  const good = plane.message({ Type: 'PingRequest' });
  const junk = [null, 1, 'text', [], {}] as unknown as Record<string, unknown>[];
  const answers = await plane.deliver([good, ...junk.filter((item) => item !== null)], 1000);
  assert.deepEqual(answers[0], { Type: 'PingResponse' });
});

test('an invocation that lacks its parts is answered with what is wrong', async () => {
  await using plane = await new MessagePlane().listen();
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config: host });
  await runner.ready();
  const Type = 'InvokeAgentRequest';
  const TaskId = randomUUID();
  const Environment = { DockerImage: 'example/agent' };
  const invocations: [body: object, error: RegExp][] = [
    [{ Type }, /^invalid task ID: \(missing\)$/],
    [{ Type, Task: null, Turn: null, Environment: null }, /^invalid task ID: \(missing\)$/],
    [{ Type, Turn: { TaskId: '../../etc', TurnIndex: 1 } }, /^invalid task ID: \.\.\/\.\.\/etc$/],
    [{ Type, Turn: { TaskId, TurnIndex: 0 } }, /^invalid turn index: 0$/],
    [{ Type, Turn: { TaskId, TurnIndex: 1.5 } }, /^invalid turn index: 1\.5$/],
    [{ Type, Turn: { TaskId, TurnIndex: '1' } }, /^invalid turn index: 1$/],
    [{ Type, Turn: { TaskId, TurnIndex: 1 } }, /^invalid Docker image: \(missing\)$/],
    [
      { Type, Turn: { TaskId, TurnIndex: 1 }, Environment: { DockerImage: '--privileged' } },
      /^invalid Docker image: invalid repository/,
    ],
    [{ Type, Turn: { TaskId, TurnIndex: 1 }, Environment }, /^missing agent token$/],
    [{ Type, Turn: [], Environment }, /^invalid/],
  ];
  const answers = await plane.deliver(invocations.map(([body]) => plane.message(body)));
  for (const [index, [body, error]] of invocations.entries()) {
    assert.equal(answers[index]?.['Type'], 'InvokeAgentResponse');
    assert.match(answers[index]?.['ErrorMessage'], error, JSON.stringify(body));
  }
});

test('the agent gets the request as it was received, with the newest turn', async () => {
  await using plane = await new MessagePlane().listen();
  const connection = randomUUID();
  const github = `[github.one]\nurl = "https://github.example.com/"\nconnection_id = "${connection}"\ntoken = "ghp_secret"\n`;
  const config = host + github;
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config });
  await runner.ready();
  const taskId = randomUUID();
  const request = `{"Type":"InvokeAgentRequest","Future":{"Deep":[1.0,12345678901234567890,null,"\\u00e9"]},
    "Task":{"TenantId":"${plane.tenantId}","TaskId":"${taskId}","Title":"t","NewField":1e2},
    "Turn":{"TenantId":"${plane.tenantId}","TaskId":"${taskId}","TurnIndex":1,"Version":1,"Status":"Pending"},
    "Environment":{"DockerImage":"example/agent","EnvVars":[{"Name":"A","Value":"B","IsSecret":true}]},
    "PrivateGithubConnectionID":"${connection}","GithubToken":null,"AgentToken":"p42a_x"}`;
  const [answer] = await plane.deliver([plane.message(request)]);
  assert.deepEqual(answer, { Type: 'InvokeAgentResponse', ErrorMessage: null });
  await runner.logged(/job finished/);
  const input = await runner.jobLog(`plan42-${taskId}-1`);
  assert.match(input, /"Future":\{"Deep":\[1\.0,12345678901234567890,null,"é"\]\}/);
  assert.match(input, /"NewField":1e2/);
  const parsed = JSON.parse(input);
  assert.equal(parsed.Turn.Status, 'Pulling Agent Image on Local Runner');
  assert.equal(parsed.Turn.FromServer, true, 'unknown fields of the newest turn are kept too');
  assert.equal(parsed.GithubToken, 'ghp_secret');
  assert.equal(parsed.GithubURL, 'https://github.example.com');
  assert.deepEqual(parsed.Environment.EnvVars, [{ Name: 'A', Value: 'B', IsSecret: true }]);
  assert.ok(!runner.log.includes('ghp_secret'));
  assert.deepEqual((plane.turnUpdates.at(-1) as { Status: string }).Status, 'Failed', 'cat finishes no turn');
});
