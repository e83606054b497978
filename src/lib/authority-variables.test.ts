import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { authorityProblems, unreadAuthorities } from './authority-variables.ts';

const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const [publicAuthority = ''] = rootCertificates;

async function setting() {
  const dir = await makeTempDir();
  const folder = async (name: string, files: Record<string, string>) => {
    const path = join(dir.path, name);
    await mkdir(path);
    for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content);
    return path;
  };
  return { folder, path: dir.path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const oneLine = (pem: string) => pem.replaceAll(/\s/g, '');

test('several folders of SSL_CERT_DIR are read, without what is no certificate in them', async () => {
  await using made = await setting();
  const a = await made.folder('a', { 'a.pem': tlsPair.cert, README: 'x', 'damaged.pem': damaged });
  const b = await made.folder('b', { 'b.crt': publicAuthority });
  await symlink('/does/not/exist', join(b, 'link.pem'));
  const found = unreadAuthorities({ SSL_CERT_DIR: `${a}:/does/not/exist::${b}` }, 'linux');
  assert.deepEqual(found.map(oneLine), [tlsPair.cert, publicAuthority].map(oneLine));
});

test('Node.js reads one folder and the file itself, but not on macOS', async () => {
  await using made = await setting();
  const env = { SSL_CERT_DIR: await made.folder('a', { 'a.pem': tlsPair.cert }), SSL_CERT_FILE: '' };
  env.SSL_CERT_FILE = join(await made.folder('b', { 'b.pem': publicAuthority }), 'b.pem');
  assert.deepEqual(unreadAuthorities(env, 'linux'), []);
  assert.deepEqual(unreadAuthorities(env, 'darwin').map(oneLine), [publicAuthority, tlsPair.cert].map(oneLine));
  assert.deepEqual(unreadAuthorities({}, 'darwin'), []);
});

test('what has no effect is named with a remedy', async () => {
  await using made = await setting();
  const problems = (env: NodeJS.ProcessEnv) =>
    authorityProblems(env).map(({ variable, message, remedy }) =>
      `${variable}: ${message}. ${remedy}`.replaceAll(made.path, ''),
    );
  const a = await made.folder('a', { 'a.pem': tlsPair.cert, empty: '', 'damaged.pem': damaged });
  const b = await made.folder('b', { README: 'x' });
  assert.deepEqual(problems({}), []);
  assert.deepEqual(problems({ SSL_CERT_FILE: '', SSL_CERT_DIR: '' }), []);
  assert.deepEqual(problems({ SSL_CERT_FILE: join(a, 'a.pem'), SSL_CERT_DIR: a }), []);
  const ofFile = 'Set SSL_CERT_FILE to a PEM file with the certificate of your authority.';
  assert.match(
    problems({ SSL_CERT_FILE: join(a, 'none') }).join(),
    /^SSL_CERT_FILE: cannot read the CA file \/a\/none: .*ENOENT/,
  );
  assert.deepEqual(problems({ SSL_CERT_FILE: join(a, 'empty') }), [
    `SSL_CERT_FILE: cannot use the CA file /a/empty: it contains no PEM certificate. ${ofFile}`,
  ]);
  assert.match(problems({ SSL_CERT_FILE: join(a, 'damaged.pem') }).join(), /it contains a damaged certificate/);
  const ofFolders = 'Set SSL_CERT_DIR to folders with PEM files, separated by colons, or unset it.';
  assert.deepEqual(problems({ SSL_CERT_DIR: `${a}:${b}:${made.path}/none` }), [
    `SSL_CERT_DIR: the folder /b contains no PEM certificate. ${ofFolders}`,
    `SSL_CERT_DIR: cannot read the folder /none: it does not exist. ${ofFolders}`,
  ]);
});
