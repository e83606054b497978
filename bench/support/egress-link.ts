/** Transfers over links of known rates: directly, and from behind the wall (client, forwarder, gateway), in turns. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AddressRule, socketFolder } from '../../src/gateway/policy.ts';
import { proxyPort } from '../../src/wall/wall.ts';
import { farAddress, openLink } from './link.ts';
import { median } from './median.ts';

const transfer = join(import.meta.dirname, 'transfer.mjs');
const port = 9000;
const rounds = 5;

export const linkAddress: AddressRule = { cidr: `${farAddress}/32`, ports: [port], source: 'bench' };

interface LinkOptions {
  /** As `tc` writes it. */
  rate: string;
  /** Of one transfer. */
  bytes: number;
  /** Starts a gateway with {@link linkAddress} by a command line that has this prefix. */
  startGateway: (prefix: readonly string[]) => Promise<{ folder: string; process: ChildProcess }>;
}

export async function compareOverLink({ rate, bytes, startGateway }: LinkOptions): Promise<void> {
  await using link = await openLink(rate);
  const [command = '', ...args] = link.far([process.execPath, transfer, 'serve', String(port)]);
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  const gateway = await startGateway(link.near([]));
  try {
    for (const direction of ['download', 'upload']) {
      const client = [process.execPath, transfer, direction, farAddress, String(port), String(bytes)];
      const [direct, walled]: [number[], number[]] = [[], []];
      const [ofGateway, ofForwarder]: [number[], number[]] = [[], []];
      for (let n = 0; n < rounds; n += 1) {
        direct.push((await transferBy(link.near(client))).rate);
        const before = await cpuMsOf(gateway.process);
        const folder = join(gateway.folder, socketFolder);
        const { rate: walledRate, forwarderMs } = await transferBy(link.walled(folder, [...client, String(proxyPort)]));
        walled.push(walledRate);
        ofForwarder.push(forwarderMs);
        ofGateway.push((await cpuMsOf(gateway.process)) - before);
      }
      const perGib = (list: number[]) => ((median(list) / bytes) * 2 ** 30).toFixed(0);
      const [a, b] = [median(direct), median(walled)];
      console.log(
        `${rate}: ${direction} directly ${a.toFixed(0)} MiB/s, from behind the wall ${b.toFixed(0)} MiB/s: ${(b / a).toFixed(2)}× ` +
          `(medians of ${rounds}; goal 0.9×); processor for each GiB: gateway ${perGib(ofGateway)} ms, forwarder ${perGib(ofForwarder)} ms`,
      );
    }
  } finally {
    server.kill('SIGKILL');
  }
}

async function transferBy([command = '', ...args]: readonly string[]): Promise<{ rate: number; forwarderMs: number }> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: 120_000 });
  const [rate = 0, forwarderMs = 0] = stdout.split(' ').map(Number);
  return { rate, forwarderMs };
}

/** Returns the processor time of a process with all its threads. */
async function cpuMsOf({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat.replace(/.*\) /s, '').split(' ').slice(11, 13).map(Number);
  return (user + system) * 10;
}
