/**
 * The runner under the load generator, beside a Go program that does the least that answering pings takes. The generator
 * and the yardstick are in bench/yardstick; they need Go, which nothing else here does.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './support/median.ts';

interface Load {
  msgs_per_s: number;
  p50_ms: number;
  p99_ms: number;
  cpu_us_per_msg: number;
}

interface Figures {
  registered_ms: number;
  idle_rss_mb: number;
  rss_mb: number;
  /** Messages without a response. */
  bad: number;
  /** In the order of time: both programs take turns. */
  rounds: Record<'closed_window_50' | 'closed_window_1' | 'paced_200', Load[]>;
}

const rounds = Number(process.env['PLAN42_BENCH_ROUNDS'] ?? 10);

if (spawnSync('go', ['version']).error) {
  console.log('skipped: there is no Go on this machine');
} else {
  compare();
}

function compare(): void {
  const out = mkdtempSync(join(tmpdir(), 'plan42-yardstick-'));
  try {
    const source = join(import.meta.dirname, 'yardstick');
    execFileSync('go', ['build', '-o', `${out}/`, './load', './goref'], { cwd: source, stdio: 'inherit' });
    for (const queues of [1, 8]) print(queues, measure(out, queues));
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** @param folder of the programs in Go */
function measure(folder: string, queues: number): { ours: Figures; go: Figures } {
  const runner = join(import.meta.dirname, '../bin/plan42-runner');
  const host = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
  // The queues are added at once, and stay.
  const extra = `${host}[queues]\nmax_queues = ${queues}\nscale_up_at = 0.01\nscale_up_after = "1s"\nscale_down_after = "1h"\n`;
  const commands = [`ours=${runner} -c {config}`, `go=${folder}/goref {config} ${queues}`];
  const args = ['-rounds', String(rounds), '-queues', String(queues), '-runtime', 'host', '-extra', extra, ...commands];
  const text = execFileSync(join(folder, 'load'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(text) as { ours: Figures; go: Figures };
}

function print(queues: number, { ours, go }: { ours: Figures; go: Figures }): void {
  if (ours.bad + go.bad > 0) throw new Error(`messages without a response: ours ${ours.bad}, go ${go.bad}`);
  console.log(`${queues} ${queues === 1 ? 'queue' : 'queues'}, medians of ${rounds} rounds:`);
  const row = (what: string, load: keyof Figures['rounds'], figure: keyof Load, goal: string) => {
    const [a, b] = [ours, go].map((each) => each.rounds[load].map((round) => round[figure])) as [number[], number[]];
    // Of each round, because both programs see the same neighbours in it.
    const ratio = median(a.map((value, index) => value / (b[index] ?? Number.NaN)));
    line(what, median(a), `${median(b).toString().padStart(9)} go ${ratio.toFixed(2).padStart(7)}× ${goal}`);
  };
  row('pings a second, 50 outstanding', 'closed_window_50', 'msgs_per_s', '(at least 0.6)');
  row('CPU per ping, 50 outstanding, µs', 'closed_window_50', 'cpu_us_per_msg', '(at most 1.7)');
  row('pings a second, 1 outstanding', 'closed_window_1', 'msgs_per_s', '');
  row('median, 1 outstanding, ms', 'closed_window_1', 'p50_ms', '');
  row('median at 200 a second, ms', 'paced_200', 'p50_ms', '');
  row('99th percentile at 200 a second, ms', 'paced_200', 'p99_ms', '(at most 1.3)');
  row('CPU per ping at 200 a second, µs', 'paced_200', 'cpu_us_per_msg', '');
  line('memory when idle, MB', ours.idle_rss_mb, '');
  line('memory after the load, MB', ours.rss_mb, '');
}

function line(what: string, value: number, more: string): void {
  console.log(`  ${what.padEnd(38)}${value.toString().padStart(9)} ours${more}`.trimEnd());
}
