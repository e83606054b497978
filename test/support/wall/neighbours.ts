/** The surroundings of a job behind the wall: another job with its gateway, a container, and the engine. */
import assert from 'node:assert/strict';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../../src/lib/files.ts';
import { commandLine, listProcesses } from '../../../src/lib/processes.ts';
import { type Env, run } from '../engines/processes.ts';
import { eventually } from '../eventually.ts';
import type { Machine } from './machine.ts';
import type { WalledEngine } from './walled-job.ts';
import { askForbidden, openPolicy } from './ways/through-gateway.ts';
import { type Way, w } from './ways/way.ts';

export interface Neighbours extends AsyncDisposable {
  /** Ways to them, each of which is open outside of the job's container. */
  ways: readonly Way[];
  /** The ports at which the gateway of the other job listens. */
  gatewayPorts: () => Promise<readonly string[]>;
}

/** @param docker whose container has an address on a bridge, and whose socket is an engine's */
export async function startNeighbours(
  engine: WalledEngine,
  { machine, ways, docker, image }: { machine: Machine; ways: string; docker: { env: Env } | undefined; image: string },
): Promise<Neighbours> {
  await using undo = new AsyncDisposableStack();
  const job = await engine.makeJob('while ! test -e /given/end; do sleep 0.1; done', { policy: openPolicy });
  const runner = job.startRunner();
  undo.defer(async () => {
    await writeFile(join(job.given, 'end'), '');
    await runner.end;
  });
  const socket = join(job.egressFolder, 'socket/gateway.sock');
  await eventually(() => exists(socket));
  const found: Way[] = [{ name: 'the gateway of another job', tries: askForbidden(w, socket) }];
  const [enter = '', ...args] = machine.command(['sh', '-c', askForbidden(ways, socket)]);
  await eventually(async () => (await run(enter, args).catch(() => '')).includes('reached'));
  if (docker !== undefined) {
    const other = undo.use(await startContainer(docker.env, image));
    const engineSocket = (docker.env['DOCKER_HOST'] ?? '').replace('unix://', '');
    const toOthers = [
      ['the container of another job', 'tcp', other.address, '7042'],
      ['the socket of the engine', 'unix', engineSocket],
    ] as const;
    for (const [name, ...way] of toOthers) {
      await eventually(async () => (await run(ways, way).catch(() => '')) !== '');
      found.push({ name, tries: [w, ...way].join(' ') });
    }
  }
  const owned = undo.move();
  return {
    ways: found,
    gatewayPorts: async () => {
      const all = await Promise.all(
        (await listProcesses()).map(async ({ pid }) => [pid, await commandLine(pid)] as const),
      );
      const mine = all.filter(
        ([, line]) => line.endsWith(` ${job.egressFolder} `) && !line.includes('plan42-companion'),
      );
      assert.ok(mine.length > 0, 'the gateway is not running');
      return (await Promise.all(mine.map(([pid]) => listeningPorts(pid)))).flat();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A container with a network, as a job without the wall has. */
async function startContainer(env: Env, image: string) {
  const name = `plan42-neighbour-${crypto.randomUUID()}`;
  const docker = (...args: string[]) => run('docker', args, { env });
  await docker('run', '--detach', '--name', name, '--entrypoint', 'httpd', image, '-f', '-p', '7042');
  const address = await docker('inspect', '--format', '{{.NetworkSettings.IPAddress}}', name);
  return {
    address: address.trim(),
    [Symbol.asyncDispose]: async () => void (await docker('rm', '--force', name)),
  };
}

/** The addresses and ports, as the kernel prints them, of sockets of a process that wait for anyone. */
export async function listeningPorts(pid: number): Promise<string[]> {
  const links = (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
  const inodes = new Set((await Promise.all(links)).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map(async (protocol) => {
    const lines = (await readFile(`/proc/${pid}/net/${protocol}`, 'utf8')).trim().split('\n').slice(1);
    return lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      return inodes.has(inode) && (protocol.startsWith('udp') || state === '0A') ? [`${protocol} ${local}`] : [];
    });
  });
  return (await Promise.all(tables)).flat();
}
