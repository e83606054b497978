/**
 * Tells systemd how this process is (sd_notify(3)). That takes a datagram to a Unix socket, which Node.js can't send, so
 * systemd's own small program does it.
 */
import { redact } from './logger.ts';
import { runCommand } from './run-command.ts';

export interface ServiceNotifier extends Disposable {
  /** The service has started. From now on it also gives the signs of life that the watchdog asks for. */
  ready(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** The service ends, in at most `withinMs` milliseconds. */
  stopping(withinMs: number): void;
}

const notifyTimeoutMs = 10_000;

/** The variables with which systemd asks to be told. Children must not get them: podman, for one, would answer in our name. */
const variables = new Set(['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']);

/** `env` without what is meant for this process alone. */
export function withoutNotifyVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !variables.has(name)));
}

/** Does nothing where nobody wants to be told. */
export function createServiceNotifier(env: NodeJS.ProcessEnv): ServiceNotifier {
  const { NOTIFY_SOCKET, PATH } = env;
  let last: Promise<unknown> = Promise.resolve();
  let watchdog: NodeJS.Timeout | undefined;

  // One at a time, so that they arrive in order. Whether they arrive changes nothing for the service itself.
  function send(...assignments: string[]): void {
    if (!NOTIFY_SOCKET) return;
    const options = { env: { NOTIFY_SOCKET, PATH }, timeoutMs: notifyTimeoutMs };
    last = last.then(() => runCommand('systemd-notify', assignments, options)).catch(() => {});
  }

  return {
    ready() {
      send('READY=1');
      const intervalMs = Number(env['WATCHDOG_USEC']) / 1000 / 3;
      if (intervalMs > 0) watchdog = setInterval(() => send('WATCHDOG=1'), intervalMs).unref();
    },
    status: (text) => send(`STATUS=${redact(text).replaceAll(/\s+/g, ' ')}`),
    stopping: (withinMs) => send('STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1000)}`),
    [Symbol.dispose]: () => clearInterval(watchdog),
  };
}
