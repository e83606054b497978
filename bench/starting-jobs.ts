/**
 * Pings, 50 a second, while six jobs start and write at once: ten tries with each engine, beside as many without jobs. Paths of
 * other builds of `plan42-runner` may follow.
 */
import { availableParallelism, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { startControlPlane } from '../test/support/control-plane.ts';
import { PingLoad } from '../test/support/ping-load.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { startTask, untilOver } from '../test/support/tasks.ts';
import { eachEngine } from './support/each-engine.ts';
import { median } from './support/median.ts';

const jobs = 6;
const tries = Number(process.env['PLAN42_BENCH_ROUNDS'] ?? 10);
const maxP99Ms = 100;
// Some megabytes a second each, for as long as the pings take.
const write =
  'end=$(($(date +%s) + 3)); while [ $(date +%s) -lt $end ]; do i=0; while [ $i -lt 5000 ]; do echo "$i a line of a log that an agent could have written"; i=$((i + 1)); done; done';
const builds = [undefined, ...process.argv.slice(2)];

await eachEngine(async ({ name, env, image }) => {
  for (const build of builds) {
    await using plane = await startControlPlane();
    const config = `[jobs]\nmax_jobs = ${jobs}\n[images]\npull_policy = "if-not-present"\n`;
    const bin = build === undefined ? {} : { bin: dirname(build) };
    const options = { url: plane.server.url, token: await plane.newToken(), runtime: name, config, env, ...bin };
    await using runner = await RunnerProcess.start(options);
    await runner.ready();
    await using load = new PingLoad(plane);
    await untilOver(plane, await startTask(plane, image, 'true'));
    const [quietMs, busyMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < tries; round += 1) {
      quietMs.push(await load.measureP99());
      const tasks = Promise.all(Array.from({ length: jobs }, () => startTask(plane, image, write)));
      busyMs.push(await load.measureP99());
      await Promise.all((await tasks).map((task) => untilOver(plane, task, 180_000)));
    }
    const held = busyMs.filter((ms) => ms <= maxP99Ms).length;
    console.log(
      `${name}, ${build ?? 'this build'}: p99 of pings in ms while ${jobs} jobs start and write: ${busyMs.map(Math.round).join(', ')}; ` +
        `${held} of ${tries} at most ${maxP99Ms}; median ${Math.round(median(busyMs))}, without jobs ${Math.round(median(quietMs))}: ` +
        `${(median(busyMs) / median(quietMs)).toFixed(2)}× (${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}; ` +
        `${load.outcomes.lost + load.outcomes.undelivered} pings lost)`,
    );
  }
});
