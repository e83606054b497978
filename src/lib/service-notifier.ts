/**
 * Notifies systemd of the state of this process (sd_notify(3)). That takes a datagram to a Unix socket, which Node.js cannot
 * send, so it runs systemd-notify.
 */
import { redact } from './redact.ts';
import { runCommand } from './run-command.ts';

export interface ServiceNotifier extends Disposable {
  /** Reports that the service has started, and begins to ping the watchdog. A second call changes nothing. */
  ready(): void;
  /** Sets the line that `systemctl status` shows. */
  status(text: string): void;
  /** Reports that the service will have stopped in at most `withinMs` milliseconds. */
  stopping(withinMs: number): void;
}

const notifyTimeoutMs = 10_000;

/** systemd's variables. Children must not inherit them: podman, for example, would notify systemd in the runner's name. */
const variables = new Set(['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']);

/** `env` without the variables that are meant for this process alone. */
export function withoutNotifyVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !variables.has(name)));
}

/** Does nothing unless systemd started this process. */
export function createServiceNotifier(env: NodeJS.ProcessEnv): ServiceNotifier {
  const { NOTIFY_SOCKET, PATH } = env;
  let last: Promise<unknown> = Promise.resolve();
  let watchdog: NodeJS.Timeout | undefined;

  // One at a time, so that they arrive in order. A failure does not affect the service.
  function send(...assignments: string[]): void {
    if (!NOTIFY_SOCKET) return;
    const options = { env: { NOTIFY_SOCKET, PATH }, timeoutMs: notifyTimeoutMs };
    last = last.then(() => runCommand('systemd-notify', assignments, options)).catch(() => {});
  }

  return {
    ready() {
      send('READY=1');
      const intervalMs = Number(env['WATCHDOG_USEC']) / 1000 / 3;
      clearInterval(watchdog);
      if (intervalMs > 0) watchdog = setInterval(() => send('WATCHDOG=1'), intervalMs).unref();
    },
    status: (text) => send(`STATUS=${redact(text).replaceAll(/\s+/g, ' ')}`),
    stopping: (withinMs) => send('STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1000)}`),
    [Symbol.dispose]: () => clearInterval(watchdog),
  };
}
