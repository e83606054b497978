/**
 * The runner under the load generator, beside a Go program that does the least that answering pings takes. The generator
 * and the yardstick are in bench/yardstick; they need Go, which nothing else here does.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Figures {
  registered_ms: number;
  idle_rss_mb: number;
  closed_window_1: { msgs_per_s: number; p50_ms: number; p99_ms: number };
  closed_window_50: { msgs_per_s: number; cpu_us_per_msg: number; rss_mb: number };
  paced_200: { p50_ms: number; p99_ms: number; cpu_us_per_msg: number };
}

const seconds = 6;
const host = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';

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
    const runner = join(import.meta.dirname, '../bin/plan42-runner');
    const commands = [`ours=${runner} -c {config}`, `go=${out}/goref {config}`];
    const args = ['-seconds', String(seconds), '-runtime', 'host', '-extra', host, ...commands];
    print(JSON.parse(execFileSync(join(out, 'load'), args, { encoding: 'utf8' })));
  } finally {
    rmSync(out, { recursive: true });
  }
}

function print({ ours, go }: { ours: Figures; go: Figures }): void {
  const rows: [what: string, ours: number, go: number][] = [
    ['pings a second, 50 outstanding', ours.closed_window_50.msgs_per_s, go.closed_window_50.msgs_per_s],
    ['CPU per ping, 50 outstanding, µs', ours.closed_window_50.cpu_us_per_msg, go.closed_window_50.cpu_us_per_msg],
    ['pings a second, 1 outstanding', ours.closed_window_1.msgs_per_s, go.closed_window_1.msgs_per_s],
    ['median, 1 outstanding, ms', ours.closed_window_1.p50_ms, go.closed_window_1.p50_ms],
    ['median at 200 a second, ms', ours.paced_200.p50_ms, go.paced_200.p50_ms],
    ['99th percentile at 200 a second, ms', ours.paced_200.p99_ms, go.paced_200.p99_ms],
    ['CPU per ping at 200 a second, µs', ours.paced_200.cpu_us_per_msg, go.paced_200.cpu_us_per_msg],
    ['start to registered, ms', ours.registered_ms, go.registered_ms],
    ['memory when idle, MB', ours.idle_rss_mb, go.idle_rss_mb],
    ['memory under load, MB', ours.closed_window_50.rss_mb, Number.NaN],
  ];
  for (const [what, a, b] of rows) {
    const reference = Number.isNaN(b) ? '' : `${b.toString().padStart(9)} go ${(a / b).toFixed(2).padStart(7)}×`;
    console.log(`${what.padEnd(38)}${a.toString().padStart(9)} ours${reference}`);
  }
}
