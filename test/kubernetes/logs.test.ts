/**
 * The log of a real pod, rotated by its kubelet again and again, followed by a process that is killed. PLAN42_LOG_KILLS sets how
 * often, PLAN42_LOG_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { startLine } from '../../src/runtimes/kubernetes/logs/start-line.ts';
import { eventually } from '../support/eventually.ts';
import { makeJobFolder } from '../support/job-folder.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { seededRandom } from '../support/random.ts';

const seed = Number(process.env['PLAN42_LOG_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const kills = Number(process.env['PLAN42_LOG_KILLS'] ?? 8);
const program = join(import.meta.dirname, '../support/kubernetes/follow-log-process.ts');
const rotateEachMiB = 4;
let cluster: Promise<Cluster | undefined> | undefined;
let namespaces = 0;

/** A cluster whose node rotates logs far more often than by default: each 10 MiB, every 10 seconds. */
async function requiresRotatingCluster(t: TestContext): Promise<Cluster | undefined> {
  const nodeConfig = `containerLogMaxSize: ${rotateEachMiB}Mi\ncontainerLogMonitorInterval: 3s\ncontainerLogMaxFiles: 100`;
  cluster ??= requiresCluster(t, { nodeConfig }).then(async (found) => {
    if (found) await loadAgentImages(found);
    return found;
  });
  return cluster;
}

/** Numbered lines, 1,000 a block, after the first line that the program `start` writes. */
function outputOf(blocks: number, pauseSeconds: number): string {
  const block = `awk -v b=$b 'BEGIN { for (n = 1; n <= 1000; n++) printf "line %d ${'.'.repeat(60)}\\n", b * 1000 + n }'`;
  return `echo '${startLine.toString().trim()}'; b=0; while [ $b -lt ${blocks} ]; do ${block}; b=$((b+1)); sleep ${pauseSeconds}; done`;
}

interface Followed {
  /** The ranges of lines in the log, and the notes between them. */
  parts: readonly (readonly [number, number] | string)[];
  bytes: number;
  /**
   * The first line of each file of the node. A kubelet that follows a log begins with a new file without the end of the one
   * before: what was written after that was renamed. It is little, unless the machine is busy, and nothing says so.
   */
  firstLines: ReadonlySet<string>;
}

async function firstLinesOf({ dir }: Cluster, namespace: string): Promise<Set<string>> {
  const pod = (await readdir(join(dir, 'pods'))).find((name) => name.startsWith(`${namespace}_`));
  assert.ok(pod);
  const folder = join(dir, 'pods', pod, 'agent');
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const content = await readFile(join(folder, name));
      return String(name.endsWith('.gz') ? gunzipSync(content) : content);
    }),
  );
  // Each line is a time, a stream, whether it is whole, and the output.
  return new Set(files.map((text) => text.slice(0, text.indexOf('\n')).split(' ').slice(3).join(' ')));
}

function partsOf(log: string): Omit<Followed, 'firstLines'> {
  const parts: ([number, number] | string)[] = [];
  for (const line of log.split('\n')) {
    if (line === '') continue;
    const [, number] = /^line (\d+) \.{60}$/.exec(line) ?? [];
    const last = parts.at(-1);
    if (number === undefined) parts.push(line.slice(0, 200));
    else if (Array.isArray(last) && last[1] === Number(number) - 1) last[1] += 1;
    else parts.push([Number(number), Number(number)]);
  }
  return { parts, bytes: log.length };
}

async function follow(
  t: TestContext,
  { blocks, pauseSeconds, pauses }: { blocks: number; pauseSeconds: number; pauses: () => Iterable<[number, number]> },
): Promise<Followed | undefined> {
  const found = await requiresRotatingCluster(t);
  if (!found) return undefined;
  const { kubeconfig, namespace } = await found.createRunnerAccount(`logs-${++namespaces}`);
  await using job = await makeJobFolder();
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const container = { name: 'agent', image: agentImage, command: ['sh', '-c', outputOf(blocks, pauseSeconds)] };
  const spec = { restartPolicy: 'Never', automountServiceAccountToken: false, containers: [container] };
  const log: string[] = [];
  async function start() {
    const started = spawn(process.execPath, [program, kubeconfig, 'agent', job.folder, job.logFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    await Promise.race([once(started.stdout, 'data'), once(started, 'exit')]);
    return started;
  }
  let child = await start();
  t.after(() => child.kill('SIGKILL'));
  await found.admin.request('POST', pods, { body: { metadata: { name: 'agent' }, spec } });
  await eventually(async () => {
    const { status } = await found.admin.request<{ status: { phase: string } }>('GET', `${pods}/agent`);
    return status.phase !== 'Pending';
  });
  let killed = 0;
  for (const [aliveMs, deadMs] of pauses()) {
    await Promise.race([delay(aliveMs), once(child, 'exit')]);
    if (child.exitCode !== null) break;
    child.kill('SIGKILL');
    await once(child, 'exit');
    killed += 1;
    await delay(deadMs);
    child = await start();
  }
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0, log.join(''));
  const firstLines = await firstLinesOf(found, namespace);
  const followed = { ...partsOf(await job.readLog()), firstLines };
  const { bytes, parts } = followed;
  t.diagnostic(`seed ${seed}, ${killed} kills, ${bytes} bytes: ${JSON.stringify(parts)}`);
  return followed;
}

const note = /^\[plan42: output may be missing here: the node rotated its log between /;

const dots = '.'.repeat(60);

/** Each line once and in order; one is missing, or cut off, only where a note says so, or where a file of the node begins. */
function assertNothingSilent({ parts, firstLines }: Followed, last: number): void {
  let next = 1;
  for (const [n, part] of parts.entries()) {
    const before = parts[n - 1];
    if (typeof part === 'string') {
      const isExplained = note.test(part) || firstLines.has(part) || note.test(String(parts[n + 1]));
      assert.ok(isExplained, `after line ${next - 1} comes ${part}`);
      continue;
    }
    const [first, end] = part;
    const isAfterText = typeof before === 'string';
    if (isAfterText || firstLines.has(`line ${first} ${dots}`)) assert.ok(first >= next, `line ${first} comes again`);
    else assert.equal(first, next, 'the next line');
    next = end + 1;
  }
  assert.equal(next, last + 1, 'the last line is there');
}

suite('the log of a pod that is rotated', { concurrency: false }, () => {
  test('300,000 lines in 30 MB arrive, but for what the node does not return', async (t) => {
    const followed = await follow(t, { blocks: 300, pauseSeconds: 0.1, pauses: () => [] });
    if (!followed) return;
    assert.ok(followed.firstLines.size > 5, 'the log was rotated');
    assertNothingSilent(followed, 300_000);
    const lines = followed.parts.map((part) => (typeof part === 'string' ? 0 : part[1] - part[0] + 1));
    const count = lines.reduce((sum, each) => sum + each, 0);
    assert.ok(count > 270_000, `${count} lines`);
  });

  test('a follower that is killed repeats nothing, and says what the node has dropped meanwhile', async (t) => {
    const random = seededRandom(seed);
    const followed = await follow(t, {
      blocks: 20 * kills,
      pauseSeconds: 0.3,
      *pauses() {
        for (let n = 0; n < kills; n += 1) yield [1000 + random() * 3000, random() < 0.3 ? 8000 : random() * 1000];
      },
    });
    if (!followed) return;
    assertNothingSilent(followed, 20_000 * kills);
  });
});
