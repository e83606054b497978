#!/usr/bin/env node
/** The agent of an image: `/usr/bin/agent-wrapper`. Runs on Node.js 22 or newer. */
import { runAgentProcess, stoppedExitCode } from '../agent/agent.ts';
import { readReachedLimit } from '../agent/turn/reached-limit.ts';
import { stderr } from './standard-streams.ts';

const stopped = new AbortController();
// The runner ends the time for pushing what was done: jobs.stop_timeout. The server accepts no more after two minutes.
const stopTimeoutMs = 120_000;
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    void readReachedLimit(process.env).then((reason) => stopped.abort(reason));
    setTimeout(() => process.exit(stoppedExitCode), stopTimeoutMs).unref();
  });
}

process.exitCode = await runAgentProcess({
  args: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  signal: stopped.signal,
  reportError: (message) => stderr.write(`ERROR: ${message}\n`),
});
// Neither a connection nor a pipe that a program has left open may keep the container running.
setTimeout(() => process.exit(), 1000).unref();
