import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { isCommandInstalled } from '../../lib/run-command.ts';
import { writeCredentials } from '../credentials.ts';

const secret = 'ghp_SecretSecretSecretSecretSecretSecret';
const placeholder = 'ghp_PlaceholderPlaceholderPlaceholder000';

const credential = (name: string, ...hosts: string[]) => ({
  name,
  placeholder,
  targets: hosts.map((host) => ({ host, port: 443, isPlain: false })),
});
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const hasPython = await isCommandInstalled('python3', process.env);

const brokered = async (listener: Parameters<typeof startSecureHost>[1], more = {}) => {
  const stack = new AsyncDisposableStack();
  const host = stack.use(await startSecureHost(['bound.example', 'other.example', 'open.example'], listener));
  const broker = stack.use(
    await startBrokeredGateway({
      host,
      intercepted: ['bound.example', 'other.example'],
      passed: ['open.example'],
      credentials: [credential('github.work', 'bound.example')],
      values: { 'github.work': secret },
      ...more,
    }),
  );
  return { host, ...broker, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

test('curl, node and python send the credential in place of its placeholder', async () => {
  await using job = await brokered((_, response) => response.end('fine'));
  const { host, run, gateway } = job;
  const curl = ['-sS', '--fail', 'https://bound.example/'];
  const asBearer = await run('curl', [...curl, '-H', `Authorization: Bearer ${placeholder}`]);
  assert.deepEqual(asBearer, { code: 0, stdout: 'fine', stderr: '' });
  await run('curl', [...curl, '-u', `x-access-token:${placeholder}`]);
  const inNode = `const r = await fetch('https://bound.example/', { headers: { authorization: 'token ${placeholder}' } });
    console.log(r.status)`;
  const node = await run(process.execPath, ['--input-type=module', '-e', inNode]);
  assert.deepEqual(node, { code: 0, stdout: '200\n', stderr: '' });
  assert.deepEqual(host.authorizations, [`Bearer ${secret}`, basic(`x-access-token:${secret}`), `token ${secret}`]);
  if (hasPython) {
    const inPython = `import urllib.request as u
print(u.urlopen(u.Request('https://bound.example/', headers={'Authorization': 'token ${placeholder}'})).status)`;
    assert.deepEqual(await run('python3', ['-c', inPython]), { code: 0, stdout: '200\n', stderr: '' });
    assert.equal(host.authorizations.at(-1), `token ${secret}`);
  }
  assert.deepEqual(gateway.lines, []);
});

test('a placeholder for another host is refused and named, and in TLS that passes it is worthless', async () => {
  await using job = await brokered((_, response) => response.end('fine'));
  const { host, run, gateway } = job;
  const sent = await run('curl', ['-sS', 'https://other.example/', '-u', `x:${placeholder}`]);
  assert.match(
    sent.stdout,
    /^plan42: network: refused other\.example:443: the credential github\.work is not for this/,
  );
  const plain = await run('curl', ['-sS', 'http://bound.example/', '-H', `Authorization: token ${placeholder}`]);
  assert.match(plain.stdout, /is not for this host without TLS/);
  const place = await run('curl', ['-sS', `https://bound.example/${placeholder}`]);
  assert.match(place.stdout, /in a part of the request that it is not for/);
  const trace = await run('curl', ['-sS', '-X', 'TRACE', 'https://bound.example/', '-u', `x:${placeholder}`]);
  assert.match(trace.stdout, /in a part of the request that it is not for/);
  assert.deepEqual(host.authorizations, []);
  await run('curl', ['-sS', 'https://open.example/', '-H', `Authorization: token ${placeholder}`]);
  assert.deepEqual(host.authorizations, [`token ${placeholder}`]);
  assert.equal(gateway.lines.length, 3);
  assert.match(gateway.lines[0] ?? '', /^plan42: network: refused other\.example:443: the credential github\.work/);
});

test('another host in the tunnel or in the request is refused', async () => {
  await using job = await brokered((_, response) => response.end('fine'));
  const { host, run } = job;
  const header = ['-H', 'Host: open.example', '-H', `Authorization: token ${placeholder}`];
  const { stdout } = await run('curl', ['-sS', 'https://bound.example/', ...header]);
  assert.match(stdout, /refused bound\.example:443: a request in its tunnel names another host, open\.example:443\. /);
  const through = ['--connect-to', 'open.example:443:bound.example:443', 'https://open.example/'];
  assert.notEqual((await run('curl', ['-sS', ...through])).code, 0);
  assert.deepEqual(host.authorizations, []);
});

test('a credential that changes is used by the next request, and a refused one is named once', async () => {
  let valid = secret;
  await using job = await brokered((request, response) => {
    response.statusCode = request.headers.authorization === `token ${valid}` ? 200 : 401;
    response.end();
  });
  const { run, gateway } = job;
  const call = async () => {
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', 'https://bound.example/'];
    return (await run('curl', [...args, '-H', `Authorization: token ${placeholder}`])).stdout;
  };
  assert.equal(await call(), '200');
  for (const next of ['ghp_the_second_one', 'ghp_the_third_one']) {
    valid = next;
    assert.equal(await call(), '401');
    assert.equal(await call(), '401');
    await writeCredentials(gateway.folder, new Map([['github.work', next]]));
    await eventually(async () => (await call()) === '200');
  }
  assert.equal(gateway.lines.length, 2);
  assert.match(gateway.lines[0] ?? '', /bound\.example:443 refused the credential github\.work \(status 401\)/);
  await writeCredentials(gateway.folder, new Map());
  await eventually(async () => (await call()) === '403');
});

test('a credential that is replaced while a request with it is under way is not said to be refused', async () => {
  const release = Promise.withResolvers<void>();
  const isUnderWay = Promise.withResolvers<void>();
  await using job = await brokered((request, response) => {
    const isValid = request.headers.authorization === 'token ghp_the_new_one';
    response.statusCode = isValid ? 200 : 401;
    if (request.url !== '/held') {
      response.end();
      return;
    }
    isUnderWay.resolve();
    void release.promise.then(() => response.end());
  });
  const { run, gateway } = job;
  const call = async (path: string) => {
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', `https://bound.example${path}`];
    return (await run('curl', [...args, '-H', `Authorization: token ${placeholder}`])).stdout;
  };
  const held = call('/held');
  await isUnderWay.promise;
  await writeCredentials(gateway.folder, new Map([['github.work', 'ghp_the_new_one']]));
  await eventually(async () => (await call('/')) === '200');
  const linesBefore = gateway.lines.length;
  release.resolve();
  assert.equal(await held, '401');
  assert.equal(gateway.lines.length, linesBefore);
});

test('bodies stream both ways, unchanged', async () => {
  const upload = randomBytes(3_000_000).toString('hex');
  await using job = await brokered((request, response) => {
    response.writeHead(200, { trailer: 'x-end' });
    request.pipe(response);
  });
  const { run, gateway } = job;
  const file = join(gateway.folder, 'upload');
  await writeFile(file, upload);
  for (const more of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']]) {
    const out = join(gateway.folder, 'out');
    const args = ['-sS', '--fail', '-T', file, '-o', out, ...more, 'https://bound.example/'];
    assert.deepEqual(await run('curl', args), { code: 0, stdout: '', stderr: '' });
    assert.equal(await readFile(out, 'utf8'), upload);
  }
});

test('the first part of a stream arrives before the second exists', async () => {
  const isFirstSeen = Promise.withResolvers<void>();
  await using job = await brokered((request, response) => {
    if (request.url === '/seen') isFirstSeen.resolve();
    else response.write('first\n');
    void isFirstSeen.promise.then(() => response.end('second\n'));
  });
  const script = `const r = await fetch('https://bound.example/');
    for await (const chunk of r.body) {
      const text = Buffer.from(chunk).toString();
      process.stdout.write(text);
      if (text === 'first\\n') await fetch('https://bound.example/seen').then((r) => r.text());
    }`;
  const { stdout } = await job.run(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(stdout, 'first\nsecond\n');
});

test('a host whose certificate is not valid is not used', async () => {
  await using job = await brokered((_, response) => response.end('fine'), { trusted: '' });
  const { stdout } = await job.run('curl', ['-sS', 'https://bound.example/', '-u', `x:${placeholder}`]);
  assert.match(stdout, /cannot reach bound\.example:443: its certificate is not valid \(\w+\)\. If it has a private/);
  assert.deepEqual(job.host.authorizations, []);
});

test('a program that does not trust the authority is named', async () => {
  await using job = await brokered((_, response) => response.end('fine'));
  const { code } = await job.run('curl', ['-sS', 'https://bound.example/'], {
    CURL_CA_BUNDLE: '/etc/ssl/certs/ca-certificates.crt',
  });
  assert.equal(code, 60);
  await eventually(async () => /does not trust the authority of this job/.test(job.gateway.lines.join('\n')));
});
