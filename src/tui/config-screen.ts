/** Composes the configuration screen. */
import { once } from 'node:events';
import { render } from 'ink';
import { createElement } from 'react';
import { type ConfigFile, mistakesIn, mistakesNote, readConfigFile } from '../config/edit-file.ts';
import { permissionWarnings } from '../config/read-file.ts';
import { environmentVariable } from '../config/schema.ts';
import { createEffects, type LeaveReason } from './effects/effects.ts';
import type { JobControl } from './job-control.ts';
import { initialState, type Message } from './state/state.ts';
import { createStore } from './store.ts';
import { Screen } from './view/screen.ts';

export interface ConfigScreenOptions {
  path: string;
  /** Overrides the URL in the file. */
  serverUrl: string | undefined;
  env: NodeJS.ProcessEnv;
  version: string;
  color: boolean;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  jobControl: JobControl;
  /** Aborting exits without saving. */
  signal: AbortSignal;
  /** Called with uncaught errors: the terminal must be restored before they can be printed. */
  onCrash: (listener: (error: unknown) => void) => void;
}

export interface ConfigScreenResult {
  how: LeaveReason;
  /** Message about the last save, if any. */
  saved: string | undefined;
}

/**
 * Shows the screen until the user exits, and always restores the terminal.
 * @throws UserError (exit code 3) if the file exists but cannot be read
 */
export async function runConfigScreen(options: ConfigScreenOptions): Promise<ConfigScreenResult> {
  const { path, env, version, serverUrl, color, stdin, stdout, jobControl, signal } = options;
  const file = await readConfigFile(path);
  const left = Promise.withResolvers<LeaveReason>();
  let saved: string | undefined;
  const state = initialState({ ...file, serverUrl, message: await openingMessage(file, env) });
  const store = createStore(state, (effect) => effects.run(effect));
  using effects = createEffects({
    file,
    env,
    version,
    leave: left.resolve,
    fail: left.reject,
    dispatch: (event) => {
      if (event.type === 'saved') saved = event.changed ? event.message : (saved ?? event.message);
      store.dispatch(event);
    },
  });
  const onAbort = () => left.resolve('interrupted');
  options.onCrash(left.reject);
  signal.addEventListener('abort', onAbort, { once: true });
  const screen = render(createElement(Screen, { store, color, jobControl }), {
    stdin,
    stdout,
    exitOnCtrlC: false,
    patchConsole: false,
    interactive: true,
    alternateScreen: true,
  });
  screen.waitUntilExit().catch(left.reject);
  try {
    effects.survey();
    const how = await left.promise;
    // The result of a pending save must be reported.
    await effects.written();
    return { how, saved };
  } finally {
    signal.removeEventListener('abort', onAbort);
    screen.unmount();
    // It waits for the terminal, which may accept no output.
    if (!signal.aborted) await Promise.race([screen.waitUntilExit(), once(signal, 'abort')]).catch(() => {});
  }
}

/** Returns the problems of a configuration file when it is opened; undefined if there are none. */
async function openingMessage(file: ConfigFile, env: NodeJS.ProcessEnv): Promise<Message | undefined> {
  const mistakes = mistakesNote(mistakesIn(file));
  const open = (await permissionWarnings(file.path)).map((warning) => `${warning}.`);
  const notes = [mistakes, ...open, environmentNote(env)].filter((note) => note !== undefined);
  if (notes.length === 0) return undefined;
  return { kind: mistakes === undefined ? 'info' : 'error', text: notes.join(' ') };
}

/** Changes on the screen have no effect on settings that the environment overrides. */
function environmentNote(env: NodeJS.ProcessEnv): string | undefined {
  const names = ['url', 'token', 'runtime']
    .map((key) => environmentVariable('runner', key))
    .filter((name) => env[name]);
  if (names.length === 0) return undefined;
  return `The environment overrides the file: ${names.join(', ')}.`;
}
