/**
 * Measures a git mirror: the bytes and the time of a clone of a large repository without a mirror, and of the next one with it,
 * after another commit. `PLAN42_REPOSITORY_MB` is the size of its random content.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mirrors } from '../src/jobs/mirrors/mirrors.ts';
import { silentLogger } from '../src/lib/logger.ts';
import { run } from '../test/support/engines/processes.ts';
import { eventually } from '../test/support/eventually.ts';
import { startGitServer } from '../test/support/git-server.ts';

const megabytes = Number(process.env['PLAN42_REPOSITORY_MB'] ?? 50);
const fileBytes = 5_000_000;
const filesPerCommit = 25;
const repo = 'org/repo';
const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };

await using dir = await mkdtempDisposable(join(tmpdir(), 'plan42-bench-'));
await using server = await startGitServer(join(dir.path, 'server'));
await server.create(repo);
const files = Math.round((megabytes * 1_000_000) / fileBytes);
for (let i = 0; i < files; i += filesPerCommit) {
  const names = Array.from({ length: Math.min(filesPerCommit, files - i) }, (_, n) => `file-${i + n}.txt`);
  // Text, whose compressed size is that of the random bytes.
  await server.commit(repo, Object.fromEntries(names.map((name) => [name, randomBytes(fileBytes).toString('base64')])));
}

const before = await clone('without', undefined);
await using mirrors = new Mirrors({
  folder: join(dir.path, 'mirrors'),
  maxBytes: 2 ** 40,
  minFreeBytes: 0,
  env,
  caFile: undefined,
  logger: silentLogger,
});
const job = await mirrors.begin([repo], {
  name: undefined,
  url: new URL(server.url),
  connectionId: '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9',
  token: 'token',
});
if (job === undefined) throw new Error('no mirror');
const host = join(job.mount.source, new URL(server.url).host, 'org');
await eventually(async () => (await readdir(host).catch(() => [])).join() === 'repo.git', 600_000);
await server.commit(repo, { 'small.txt': '2' });
const after = await clone('with', join(host, 'repo.git'));
console.log(`clone without a mirror: ${megabytesOf(before.bytes)} MB in ${before.seconds} s`);
console.log(`next clone, with it:    ${megabytesOf(after.bytes)} MB in ${after.seconds} s`);
console.log(`bytes of the next clone: ${((100 * after.bytes) / before.bytes).toFixed(4)} %`);

async function clone(name: string, mirror: string | undefined) {
  const [sent, startedAt] = [server.sentBytes, performance.now()];
  const reference = mirror === undefined ? [] : ['--reference-if-able', mirror];
  await run('git', ['clone', '--quiet', ...reference, `${server.url}/${repo}.git`, join(dir.path, name)], { env });
  return { bytes: server.sentBytes - sent, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) };
}

function megabytesOf(bytes: number): string {
  return (bytes / 1_000_000).toFixed(3);
}
