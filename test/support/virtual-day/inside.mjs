/**
 * Loaded into the runner of a virtual day before the program itself. Timers of an hour and longer fire after
 * PLAN42_DAY_HOUR_MS for each hour. On SIGUSR2, it writes the process's own figures to PLAN42_DAY_FIGURES.
 *
 * JavaScript, because Node.js needs 15 MiB more in a process that has loaded TypeScript.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const realHourMs = 3_600_000;
const { PLAN42_DAY_HOUR_MS: hourMs, PLAN42_DAY_FIGURES: file } = process.env;
// For this process only, not for those that it starts.
for (const name of ['NODE_OPTIONS', 'PLAN42_DAY_HOUR_MS', 'PLAN42_DAY_FIGURES']) delete process.env[name];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const timers = new Set();
const { setTimeout: startTimeout, setInterval: startInterval, clearTimeout: stopTimer } = globalThis;
const shorten = (ms) => (ms >= realHourMs ? (ms / realHourMs) * Number(hourMs) : ms);

const setTimeout = (callback, ms, ...args) => {
  const fire = () => {
    timers.delete(timer);
    callback(...args);
  };
  const timer = startTimeout(fire, shorten(ms));
  timers.add(timer);
  return timer;
};
const setInterval = (callback, ms, ...args) => {
  const timer = startInterval(callback, shorten(ms), ...args);
  timers.add(timer);
  return timer;
};
const clearTimer = (timer) => {
  timers.delete(timer);
  stopTimer(timer);
};
Object.defineProperty(setTimeout, promisify.custom, { value: promisify(startTimeout) });
Object.assign(globalThis, { setTimeout, setInterval, clearTimeout: clearTimer, clearInterval: clearTimer });

process.on('SIGUSR2', () => {
  collectGarbage();
  writeFileSync(
    `${file}.new`,
    JSON.stringify({ timers: timers.size, heapMib: process.memoryUsage().heapUsed / 2 ** 20 }),
  );
  renameSync(`${file}.new`, file);
});
