/** Jobs behind the wall on the machine of a test, with docker, podman and rootless podman. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mount } from '../../../src/config/mounts.ts';
import type { EgressPolicy } from '../../../src/gateway/policy.ts';
import type { JobLimits } from '../../../src/limits/limits.ts';
import type { Env } from '../engines/processes.ts';
import type { Engines } from '../engines.ts';
import type { JobEnd, JobOfProcess } from './job-process.ts';
import { addUser, type Machine, type User } from './machine.ts';

export const engineNames = ['docker', 'podman', 'rootless podman'] as const;
export type EngineName = (typeof engineNames)[number];

interface JobOptions {
  policy?: EgressPolicy;
  config?: string;
  mounts?: readonly Mount[];
  /** A warden holds them. */
  limits?: JobLimits;
  /** The folders with the commands of the runner. */
  path?: string | undefined;
}

export interface WalledJob {
  jobId: string;
  /** The folder that the container has as /given. */
  given: string;
  egressFolder: string;
  log: () => Promise<string>;
  /** Starts a process that starts or adopts the job and waits for its end, which is undefined if it was killed. */
  startRunner: () => { end: Promise<JobEnd | undefined>; kill: () => void };
}

export interface WalledEngine extends AsyncDisposable {
  name: EngineName;
  /** The command line of a command of the engine, with its environment. */
  command: (...args: string[]) => { command: string[]; env: Env };
  /** Runs a script as the agent; resolves when the job has ended and is removed. */
  runJob: (script: string, given?: JobOptions) => Promise<JobEnd & { log: string }>;
  /** Prepares a job, without a runner. */
  makeJob: (script: string, given?: JobOptions) => Promise<WalledJob>;
}

const execute = promisify(execFile);

/** The hosts that jobs may reach: one server outside. */
export const testPolicy: EgressPolicy = {
  version: 1,
  jobId: 'test',
  mode: 'enforce',
  rules: [{ host: 'allowed.test', ports: [80, 443], source: '"allowed.test" of AllowedHosts', mayBePrivate: false }],
  addresses: [],
  remedy: 'Add HOST to AllowedHosts of the environment.',
};

export async function prepareEngine(
  name: EngineName,
  machine: Machine,
  engines: Engines & { images: { agent: string } },
  ways?: string,
): Promise<WalledEngine> {
  const engine = name === 'docker' ? 'docker' : 'podman';
  const user = name === 'rootless podman' ? await addUser(machine) : undefined;
  const env: Env = user === undefined ? (engines[engine]?.env ?? {}) : {};
  const image = engines.images.agent;
  await pull(engine, image, { machine, user, env });
  const work = join(user?.home ?? machine.folder, `jobs-${engine}`);
  const own = async (path: string) => user && chown(path, user.uid, user.uid);
  await mkdir(work, { mode: 0o755 });
  await own(work);
  let count = 0;
  const makeJob = async (
    script: string,
    { policy = testPolicy, config = '', mounts = [], limits, path }: JobOptions = {},
  ): Promise<WalledJob> => {
    count += 1;
    const name = `job-${count}`;
    const folder = join(work, name);
    const given = join(folder, 'given');
    await mkdir(given, { recursive: true });
    if (ways !== undefined) await cp(ways, join(given, 'ways'));
    await writeFile(join(given, 'run.sh'), script);
    await writeFile(join(folder, 'request'), JSON.stringify({ Prompt: '@@sh /given/run.sh@@' }));
    for (const path of [folder, given, join(folder, 'request')]) await own(path);
    const job: JobOfProcess = {
      engine,
      jobId: `plan42-${crypto.randomUUID()}-1`,
      folder,
      logFile: join(work, `${name}.log`),
      image,
      config: `[jobs]\nmounts = ["${given}:/given"]\n${config}`,
      egress: policy,
      mounts,
      ...(limits && { limits }),
    };
    const helper = machine.path(join(import.meta.dirname, 'job-process.ts'));
    const [command = '', ...args] = machine.command([nodeOn(machine), helper, JSON.stringify(job)], user);
    return {
      jobId: job.jobId,
      given,
      egressFolder: join(folder, 'egress'),
      log: () => readFile(job.logFile, 'utf8').catch(() => ''),
      startRunner: () => {
        const child = spawn(command, args, {
          env: { PATH: path ?? process.env['PATH'], ...env },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let output = '';
        child.stdout.on('data', (data) => (output += String(data)));
        const end = once(child, 'close').then(() => (output === '' ? undefined : (JSON.parse(output) as JobEnd)));
        return { end, kill: () => child.kill('SIGKILL') };
      },
    };
  };
  return {
    name,
    command: (...args) => ({ command: machine.command([engine, ...args], user), env }),
    makeJob,
    runJob: async (script, given) => {
      const job = await makeJob(script, given);
      const end = await job.startRunner().end;
      assert.ok(end, 'the runner of the job failed');
      return { ...end, log: await job.log() };
    },
    [Symbol.asyncDispose]: async () => {
      // Rootless podman keeps a process for its namespaces.
      const [command = '', ...args] = machine.command(['podman', 'system', 'migrate'], user);
      if (user !== undefined) await execute(command, args);
    },
  };
}

/** The Node.js of this repository is in a folder that users of the machine cannot enter. */
function nodeOn(machine: Machine): string {
  return machine.path(process.execPath);
}

/** From the registry of the tests, which is in the real network. */
async function pull(
  engine: string,
  image: string,
  { machine, user, env }: { machine: Machine; user: User | undefined; env: Env },
): Promise<void> {
  const [enter = '', ...args] = machine
    .command([engine, 'pull', '--quiet', image], user)
    .filter((word) => word !== '--net');
  await execute(enter, args, { env: { PATH: process.env['PATH'], ...env } });
}
