/** A day of bursty load in virtual time through the scaler: prints load and queues, a line for every quarter of an hour. */
import { tables } from '../src/config/schema.ts';
import { addPoll, decide, type ScalerSettings, startWindow } from '../src/runner/queues/scaler.ts';
import { seededRandom } from '../test/support/random.ts';

const { maxQueues, scaleUpAfterMs, scaleUpAt, scaleDownAfterMs, scaleDownAt } = tables.queues;
const settings: ScalerSettings = {
  maxQueues: maxQueues.default,
  scaleUpAfterMs: scaleUpAfterMs.default,
  scaleUpAt: scaleUpAt.default,
  scaleDownAfterMs: scaleDownAfterMs.default,
  scaleDownAt: scaleDownAt.default,
};

const tickMs = 1000;
const ticksPerLine = 15 * 60;
const ticksPerDay = 24 * 60 * 60;
// A queue over a slow network: two polls a second, ten messages each.
const pollsPerTick = 2;
const messagesPerPoll = 10;

const random = seededRandom(Number(process.env['SEED'] ?? 42));
let window = startWindow(0);
let queues = 1;
let backlog = 0;
let burst = { perTick: 0, endsAt: 0 };
let drainedAt = 0;
let line = { arrived: 0, most: 1, worstBacklog: 0 };
const events: number[] = [];

console.log('time   messages/s  backlog  queues');
for (let tick = 1; tick <= ticksPerDay; tick += 1) {
  const now = tick * tickMs;
  const arrived = arrivals(tick);
  backlog += arrived;
  for (let poll = 0; poll < queues * pollsPerTick; poll += 1) {
    const taken = Math.min(messagesPerPoll, Math.ceil(backlog));
    backlog = Math.max(0, backlog - taken);
    window = addPoll(window, taken);
  }
  // As in the pool: no decision while a queue is being drained.
  if (now >= drainedAt) scale(now);
  line = {
    arrived: line.arrived + arrived,
    most: Math.max(line.most, queues),
    worstBacklog: Math.max(line.worstBacklog, backlog),
  };
  if (tick % ticksPerLine === 0) printLine(tick);
}
const gaps = events.slice(1).map((at, index) => at - (events[index] ?? 0));
console.log(`\n${events.length} changes, never two within ${Math.min(...gaps) / 1000} s; ${queues} queues at the end`);

/** Much by day and little by night, and bursts that come at any time and last for some minutes. */
function arrivals(tick: number): number {
  const hour = tick / 3600;
  const daily = 40 * Math.max(0, Math.sin(((hour - 6) / 14) * Math.PI));
  if (random() < 1 / 4000) burst = { perTick: 50 + random() * 800, endsAt: tick + 120 + random() * 1200 };
  const extra = tick < burst.endsAt ? burst.perTick : 0;
  return (daily + extra) * (0.5 + random());
}

function scale(now: number): void {
  const decision = decide(window, now, queues, settings);
  window = decision.window;
  const { verdict } = decision;
  if (verdict.action === 'none') return;
  events.push(now);
  if (verdict.action === 'up') queues += verdict.count;
  else {
    queues -= 1;
    drainedAt = now + tables.queues.drainTimeMs.default;
  }
}

function printLine(tick: number): void {
  const minutes = tick / 60;
  const time = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  const rate = (line.arrived / ticksPerLine).toFixed(0).padStart(10);
  const bar = `${'#'.repeat(queues)}${'.'.repeat(line.most - queues)}`;
  console.log(`${time} ${rate} ${line.worstBacklog.toFixed(0).padStart(9)}  ${bar} ${line.most}`);
  line = { arrived: 0, most: queues, worstBacklog: 0 };
}
