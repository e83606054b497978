import { stateDirOption } from '../../../../config/paths.ts';
import { ControlError, createControlClient } from '../../../../control/client.ts';
import { serviceManagerOf } from '../../../../service/find-service-manager.ts';
import type { CheckContext } from '../check.ts';
import { type Finding, ok, skipped, warning } from '../finding.ts';

const start = { text: 'Start the runner, now and at every login.', command: 'plan42 runner enable' };

/** The runner runs, and is started at login. It may well be somebody's wish that it doesn't: nothing here fails. */
export async function checkService({
  host,
  paths,
  env,
  signal,
}: Pick<CheckContext, 'host' | 'paths' | 'env' | 'signal'>): Promise<Finding> {
  const runner = await askRunner(paths.stateDir, signal);
  if (runner?.problem !== undefined) {
    const command = `plan42 runner logs ${stateDirOption(paths, env)}-n 50`;
    return warning(`the runner runs and does not answer (${runner.problem})`, {
      text: 'See what it did last.',
      command,
    });
  }
  const running = runner && `the runner runs (process ${runner.pid}, ${runner.phase})`;
  const manager = serviceManagerOf(host);
  if (manager === undefined || !(await manager.isAvailable(signal)).available) {
    return running === undefined
      ? skipped('the runner does not run, and there is neither launchd nor systemd for this user')
      : ok(running, 'there is neither launchd nor systemd for this user');
  }
  const { installed, enabled, detail } = await manager.status(signal);
  const service = `${manager.name}: ${detail}`;
  if (running === undefined) return warning(`the runner does not run (${service})`, start);
  if (!installed || !enabled) return warning(`${running}, but it is not started at login (${service})`, start);
  return ok(`${running}, started at login (${service})`);
}

type Runner = { pid: number; phase: string; problem?: never } | { problem: string };

/** Undefined when it does not run. */
async function askRunner(stateDir: string, signal: AbortSignal): Promise<Runner | undefined> {
  try {
    return await createControlClient(stateDir).status(signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ControlError)) throw error;
    return error.failure === 'absent' ? undefined : { problem: error.message };
  }
}
