import { ControlError, createControlClient } from '../../../../control/client.ts';
import { serviceManagerOf } from '../../../../service/choose.ts';
import type { CheckContext } from '../check.ts';
import { type Finding, ok, skipped, warning } from '../finding.ts';

const start = { text: 'Start the runner, now and at every login.', command: 'plan42 runner enable' };

/** The runner runs, and is started at login. It may well be somebody's wish that it doesn't: nothing here fails. */
export async function checkService({ host, paths, signal }: CheckContext): Promise<Finding> {
  const running = await describeRunner(paths.stateDir, signal);
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

/** Undefined when it does not run. */
async function describeRunner(stateDir: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { pid, phase } = await createControlClient(stateDir).status(signal);
    return `the runner runs (process ${pid}, ${phase})`;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ControlError)) throw error;
    return error.failure === 'absent' ? undefined : `the runner runs and does not answer (${error.message})`;
  }
}
