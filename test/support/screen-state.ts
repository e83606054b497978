import type { RuntimeStatus } from '../../src/runtimes/status.ts';
import type { Effect, Event, Key, State } from '../../src/tui/state/state.ts';
import { initialState } from '../../src/tui/state/state.ts';
import { update } from '../../src/tui/state/update.ts';

/** The state of the screen, driven from a test. */
export interface Driver {
  state: State;
  /** Effects of the last event. */
  effects: readonly Effect[];
  send(...events: Event[]): Driver;
  press(...keys: Key[]): Driver;
  type(text: string): Driver;
  /** The server takes the token that it was asked about last. */
  accept(connections?: { id: string; name: string }[]): Driver;
  refuse(message: string, setting?: string): Driver;
}

/** A configuration with everything in it, and with two connections: `work`, and one that the tenant has no more. */
export const filledFile = `[runner]
url = "https://a.example"
token = "p42r_a"
runtime = "docker"

[github.work]
name = "work"
connection_id = "11"
url = "https://github.com"
token = "ghp_a"

[github.old]
name = "old"
connection_id = "99"
token = "ghp_old"
`;

/** Connections of the tenant. */
export const work = { id: '11', name: 'work' };
export const home = { id: '22', name: 'home' };

export function drive(content?: string, serverUrl?: string): Driver {
  const driver: Driver = {
    state: initialState({ path: '/c.toml', content, serverUrl }),
    effects: [],
    send: (...events) => {
      for (const event of events) {
        const { state, effects } = update(driver.state, event);
        driver.state = state;
        driver.effects = effects;
      }
      return driver;
    },
    press: (...keys) => driver.send(...keys.map((key): Event => ({ type: 'key', key }))),
    type: (text) => driver.send({ type: 'text', text }),
    accept: (connections = []) => driver.send({ type: 'accepted', attempt: driver.state.attempts, connections }),
    refuse: (message, setting = 'token') =>
      driver.send({ type: 'refused', attempt: driver.state.attempts, setting, message }),
  };
  return driver;
}

export const ready = (name: RuntimeStatus['name']): RuntimeStatus => ({
  name,
  installed: true,
  readiness: { ready: true, detail: `${name} 1.2` },
});

export const missing = (name: RuntimeStatus['name']): RuntimeStatus => ({
  name,
  installed: false,
  readiness: { ready: false, reason: `there is no ${name} command`, remedy: 'Install it.' },
});
