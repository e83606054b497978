import { stateDirOption } from '../config/paths.ts';
import { ControlError, createControlClient } from '../control/client.ts';
import { serviceManagerOf } from '../service/find-service-manager.ts';
import { runnerService } from '../service/services.ts';
import type { CheckContext } from './check.ts';
import { type Finding, passed, skipped, warning } from './finding.ts';

const subject = 'service';
const start = { text: 'Start the runner, now and at every login.', command: 'plan42 runner enable' };

/** The runner is running and starts at login. Never fails, because both may be off on purpose. */
export async function checkService({
  host,
  paths,
  env,
  signal,
}: Pick<CheckContext, 'host' | 'paths' | 'env' | 'signal'>): Promise<readonly Finding[]> {
  const runner = await requestStatus(paths.stateDir, signal);
  if (runner?.problem !== undefined) {
    return [
      warning(subject, `the runner is running but not responding (${runner.problem})`, {
        text: 'Read the end of its log.',
        command: `plan42 runner logs ${stateDirOption(paths, env)}-n 50`,
      }),
    ];
  }
  if (runner?.phase === 'degraded') {
    const remedy = { text: 'Read what fails.', command: `plan42 runner status ${stateDirOption(paths, env)}`.trim() };
    return [warning(subject, `the runner is running (process ${runner.pid}), but degraded`, remedy)];
  }
  const running = runner && `the runner is running (process ${runner.pid}, ${runner.phase})`;
  const manager = serviceManagerOf(host, runnerService);
  if (manager === undefined || !(await manager.isAvailable(signal)).available) {
    const unavailable = 'neither launchd nor systemd is available to this user';
    if (running === undefined) return [skipped(subject, `the runner is not running, and ${unavailable}`)];
    return [passed(subject, running), passed(subject, unavailable)];
  }
  const { installed, enabled, detail, exitCode } = await manager.status(signal);
  const service = `${manager.name}: ${detail}`;
  if (running === undefined && exitCode) {
    const log = { text: 'Read why.', command: `plan42 runner logs ${stateDirOption(paths, env)}-n 50` };
    return [warning(subject, `the runner has failed (${service})`, log, start)];
  }
  if (running === undefined) return [warning(subject, `the runner is not running (${service})`, start)];
  if (!installed || !enabled) return [warning(subject, `${running}, but does not start at login (${service})`, start)];
  return [passed(subject, `${running}, and starts at login (${service})`)];
}

type RunningRunner = { pid: number; phase: string; problem?: never } | { problem: string };

/** Undefined if the runner is not running. */
async function requestStatus(stateDir: string, signal: AbortSignal): Promise<RunningRunner | undefined> {
  try {
    return await createControlClient(stateDir).status(signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ControlError)) throw error;
    return error.failure === 'absent' ? undefined : { problem: error.message };
  }
}
