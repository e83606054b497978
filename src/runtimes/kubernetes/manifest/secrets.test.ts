import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { test } from 'node:test';
import { planSecrets } from './secrets.ts';

const secretLimit = 2 ** 20;
const startProgram = Buffer.from('program');

function plan(request: Buffer) {
  const content = { startProgram, request, files: { 'ca/a.pem': 'pem' }, variables: { KEY: 'value' } };
  const { data, sources, variables } = planSecrets('job', content);
  const read = (secret = '', key = '') => Buffer.from(data[Number(secret.split('-')[1])]?.[key] ?? '', 'base64');
  const files = sources.flatMap(({ secret }) =>
    (secret?.items ?? []).map(({ key, path }) => ({ path, secret: secret?.name, content: read(secret?.name, key) })),
  );
  const values = variables.map(({ name, secret, key }) => ({ name, secret, value: String(read(secret, key)) }));
  return { data, files, values };
}

for (const size of [0, 10, 900 * 1024, 3_000_000])
  test(`a request of ${size} bytes is encrypted in each file, with the key of the file in the same Secret`, () => {
    const request = Buffer.from('{"s":"sk-secret"}'.repeat(Math.ceil(size / 17))).subarray(0, size);
    const { data, files, values } = plan(request);
    const parts = files.filter(({ path }) => path.startsWith('request-'));
    const texts = parts.map(({ content, secret }, n) => {
      const key = values.find(({ name }) => name === `PLAN42_REQUEST_KEY_${n}`);
      assert.equal(key?.secret, secret);
      assert.ok(!content.includes('sk-secret'));
      return createDecipheriv('chacha20', Buffer.from(key?.value ?? '', 'hex'), Buffer.alloc(16)).update(content);
    });
    assert.ok(Buffer.concat(texts).equals(request));
    for (const each of data) assert.ok(Object.values(each).join('').length * 0.75 < secretLimit);
  });

test('programs, certificate authorities and variables are as they are, and no two keys are the same', () => {
  const [one, two] = [plan(Buffer.from('r')), plan(Buffer.from('r'))];
  const contentOf = (path: string) => String(one.files.find((file) => file.path === path)?.content);
  assert.deepEqual([contentOf('start'), contentOf('ca/a.pem')], ['program', 'pem']);
  assert.deepEqual(one.values.filter(({ name }) => name === 'KEY').length, 1);
  const keyOf = ({ values }: typeof one) => values.find(({ name }) => name === 'PLAN42_REQUEST_KEY_0')?.value;
  assert.match(keyOf(one) ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(keyOf(one), keyOf(two));
});
