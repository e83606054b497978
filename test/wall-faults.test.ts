/** Each step of building the wall fails once: the job is refused with a reason, its agent never runs, and nothing is left. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { parseConfig } from '../src/config/parse.ts';
import { exists } from '../src/lib/files.ts';
import { commandLine, listProcesses } from '../src/lib/processes.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { run, startDaemon, untilReady } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { type JobFolder, makeJobFolder } from './support/job-folder.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { makeChangedEngine } from './support/wall/changed-engine.ts';
import { rootlessPodman } from './support/wall/rootless.ts';
import { engineNames, testPolicy } from './support/wall/walled-job.ts';

interface Fault {
  name: string;
  /** Before the start. */
  prepare?: (job: JobFolder) => Promise<unknown>;
  /** Arguments of the engine that are replaced. */
  replace?: Readonly<Record<string, readonly string[]>>;
  /** The setting of `[jobs]`. */
  setting?: string;
  /** The policy, as a damaged or a newer one. */
  policy?: object;
  entrypoint?: string;
  reason: RegExp;
}

const egress = (job: JobFolder, ...names: string[]) => join(job.folder, 'egress', ...names);
const folderAt = async (path: string) => {
  await mkdir(join(path, 'full'), { recursive: true });
};
const fileAt = async (path: string) => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
};
const also = (...options: string[]) => ({ '--interactive': ['--interactive', ...options] });

const socket = `/tmp/plan42-test-wall-${process.pid}.sock`;
/** Has a socket of a program in another network namespace, as a container is, which the kernel's table does not show. */
const folder = `/tmp/plan42-test-wall-${process.pid}`;

/** Each engine has another one. */
const defaultNetwork = 'default';

const faults: Fault[] = [
  { name: 'the folder of the gateway', prepare: (job) => fileAt(egress(job)), reason: /ENOTDIR|EEXIST/ },
  { name: 'the folder of the socket', prepare: (job) => fileAt(egress(job, 'socket')), reason: /ENOTDIR|EEXIST/ },
  { name: 'the program init', prepare: (job) => folderAt(egress(job, 'socket/init')), reason: /EISDIR|ENOTEMPTY/ },
  { name: 'the policy', prepare: (job) => folderAt(egress(job, 'policy.json')), reason: /EISDIR|ENOTEMPTY/ },
  {
    name: 'a gateway that rejects its policy',
    policy: { version: 2 },
    reason: /egress gateway cannot work: .*cannot start/,
  },
  { name: 'settings that open the wall', setting: 'capabilities = ["NET_ADMIN"]', reason: /NET_ADMIN opens networks/ },
  {
    name: 'a container with the default network',
    replace: { '--network=none': ['--network', defaultNetwork] },
    reason: /has the network interface/,
  },
  {
    name: 'a container with the machine’s network',
    replace: { '--network=none': ['--network', 'host'] },
    reason: /has the network interface/,
  },
  {
    name: 'processes that may gain privileges',
    replace: { 'no-new-privileges': ['label=disable'] },
    reason: /privileges/,
  },
  { name: 'a capability of the engine', replace: also('--cap-add', 'NET_ADMIN'), reason: /capability .*number 12/ },
  {
    name: 'a capability over the machine',
    replace: also('--cap-add', 'SYS_PTRACE,SYS_MODULE'),
    reason: /capability|no such/i,
  },
  {
    name: 'a socket of the engine',
    replace: also('--volume', `${socket}:/run/docker.sock`),
    reason: /socket \/run\/docker\.sock/,
  },
  {
    name: 'any other socket',
    replace: also('--volume', `${socket}:/somewhere/odd`),
    reason: /socket \/somewhere\/odd/,
  },
  {
    name: 'a folder with the socket of a program in another network',
    replace: also('--volume', `${folder}:/somewhere`),
    reason: /listens at the socket \/somewhere\/deep\/er\/a\.sock\b/,
  },
  {
    name: 'a missing mount of the wall',
    replace: { '*:/plan42-wall:*': ['/tmp:/other:ro'] },
    reason: /plan42-wall\/init/,
  },
  {
    name: 'an entrypoint that does not exist',
    entrypoint: '/usr/bin/missing',
    reason: /\/usr\/bin\/missing: no such file/,
  },
];

async function attempt(t: TestContext, name: 'docker' | 'podman', fault: Fault): Promise<void> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return;
  const { env } = engines[name];
  await using folder = await makeJobFolder(JSON.stringify({ Prompt: '@@echo the agent ran@@' }));
  const bin = join(dirname(folder.folder), 'bin');
  const networkOf = (word: string) =>
    word === defaultNetwork ? { docker: 'bridge', podman: 'slirp4netns' }[name] : word;
  const replaced = Object.entries(fault.replace ?? {}).map(([from, to]) => [from, to.map(networkOf)]);
  const PATH = fault.replace ? await makeChangedEngine(name, bin, Object.fromEntries(replaced)) : process.env['PATH'];
  const { config } = parseConfig({ file: `[jobs]\n${fault.setting ?? ''}`, env: {}, flags: new Map() });
  if (fault.entrypoint) config.jobs.entrypoint = fault.entrypoint;
  const options = { config, env: { ...process.env, ...env, PATH }, instanceId: 'test', knownJobs: async () => [] };
  const runtime = createRuntime(name, options);
  const policy = { ...testPolicy, ...fault.policy } as typeof testPolicy;
  const job = { ...folder, jobId: `plan42-${crypto.randomUUID()}-1`, image: engines.images.agent, egress: policy };
  await runtime.pull(job.image, 'if-not-present');
  await fault.prepare?.(folder);
  let reason = '';
  try {
    await runtime.start(job);
    const exit = await runtime.wait(job);
    reason = exit.startError ?? `started: ${JSON.stringify(exit)}`;
  } catch (error) {
    reason = (error as Error).message;
  } finally {
    await runtime.remove(job);
  }
  const log = await folder.readLog();
  assert.match(reason, fault.reason, log);
  assert.doesNotMatch(log, /the agent ran/);
  assert.equal(await exists(egress(folder)), false, 'the gateway’s folder is left');
  assert.equal((await run(name, ['ps', '--all', '--quiet', '--filter', `name=${job.jobId}`], { env })).trim(), '');
  assert.deepEqual(await processesOf(folder.folder), []);
}

/** The same as an ordinary user, in a process of that user. */
async function attemptRootless(t: TestContext, fault: Fault): Promise<void> {
  const available = await requires(t, 'podman', 'registry');
  if (!available) return;
  const podman = await rootlessPodman(available);
  await using dir = await makeTempDir();
  await chmod(dir.path, 0o755);
  // In a container, such as this machine can be, users have no /dev/net/tun for a network of their own.
  const replaced = Object.entries(fault.replace ?? {}).map(
    ([from, to]) => [from, to.map((word) => (word === defaultNetwork ? 'host' : word))] as const,
  );
  const bin = join(dir.path, 'bin');
  const path = fault.replace && (await makeChangedEngine('podman', bin, Object.fromEntries(replaced)));
  const policy = { ...testPolicy, ...fault.policy } as typeof testPolicy;
  const config = fault.entrypoint === undefined ? '' : `entrypoint = ${JSON.stringify(fault.entrypoint)}\n`;
  const job = await podman.makeJob('echo the agent ran', { policy, path, config });
  const end = await job.startRunner().end;
  assert.ok(end);
  const log = await job.log();
  const reason = 'refused' in end ? end.refused : (end.startError ?? `started: ${JSON.stringify(end)}`);
  assert.match(reason, fault.reason, log);
  assert.doesNotMatch(log, /the agent ran/);
  assert.equal(await exists(job.egressFolder), false, 'the gateway’s folder is left');
  const { command, env } = podman.command('ps', '--all', '--quiet', '--filter', `name=${job.jobId}`);
  assert.equal((await run('env', command, { env })).trim(), '');
  assert.deepEqual(await processesOf(dirname(job.egressFolder)), []);
}

/** The gateway's, and those of what keeps it running. */
async function processesOf(folder: string): Promise<string[]> {
  const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid).catch(() => '')));
  return lines.filter((line) => line.includes(`${folder}/egress`) && /plan42-(companion|gateway)/.test(line));
}

const server = createServer();
const undo = new AsyncDisposableStack();
before(async () => {
  undo.defer(() =>
    Promise.all([socket, folder].map((path) => rm(path, { recursive: true, force: true }))).then(() => {}),
  );
  await once(server.listen(socket), 'listening');
  const other = join(folder, 'deep/er/a.sock');
  await mkdir(dirname(other), { recursive: true });
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  const listen = `require("node:net").createServer().listen({ path: process.argv[1], writableAll: true })`;
  const args = ['--net', process.execPath, '-e', listen, other];
  const program = undo.use(await startDaemon('unshare', args, { logFile: join(folder, 'log') }));
  await untilReady(program, async () => assert.ok(await exists(other)), { signal: AbortSignal.timeout(30_000) });
});
after(async () => {
  server.close();
  await undo.disposeAsync();
});

for (const name of engineNames) {
  suite(name, { concurrency: 3 }, () => {
    // Before the engine has a part in it, the engines do not differ.
    const isOfEngine = ({ prepare, setting }: Fault) => prepare === undefined && setting === undefined;
    for (const fault of faults.filter((each) => name === 'docker' || isOfEngine(each))) {
      test(`${fault.name}: the job is refused`, async (t) => {
        await (name === 'rootless podman' ? attemptRootless(t, fault) : attempt(t, name, fault));
      });
    }
  });
}
