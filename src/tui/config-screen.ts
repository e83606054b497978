/** The configuration screen as a whole: the one place where its parts are put together. */
import { render } from 'ink';
import { createElement } from 'react';
import { readConfigFile } from '../config/edit-file.ts';
import { createEffects, type LeaveReason } from './effects/effects.ts';
import type { JobControl } from './job-control.ts';
import { openingMessage } from './opening-message.ts';
import { initialState } from './state/state.ts';
import { createStore } from './store.ts';
import { Screen } from './view/screen.ts';

export interface ConfigScreenOptions {
  path: string;
  /** In place of the file's. */
  serverUrl: string | undefined;
  env: NodeJS.ProcessEnv;
  version: string;
  color: boolean;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  jobControl: JobControl;
  /** Aborted to leave without saving. */
  signal: AbortSignal;
  /** Calls back with what nobody else catches: the terminal has to be put in order before it can be told. */
  onCrash: (listener: (error: unknown) => void) => void;
}

export interface ConfigScreenResult {
  how: LeaveReason;
  /** What was saved last, if anything was. */
  saved: string | undefined;
}

/**
 * Shows the screen until it is left, and leaves the terminal as it was, whatever happens.
 * @throws UserError (exit code 3) when there is a file that can't be read
 */
export async function runConfigScreen(options: ConfigScreenOptions): Promise<ConfigScreenResult> {
  const { path, env, version, serverUrl, color, stdin, stdout, jobControl, signal } = options;
  const file = await readConfigFile(path);
  const left = Promise.withResolvers<LeaveReason>();
  let saved: string | undefined;
  const state = initialState({ ...file, serverUrl, message: await openingMessage(file, env) });
  const store = createStore(state, (effect) => effects.run(effect));
  using effects = createEffects({
    ...{ file, env, version, leave: left.resolve, fail: left.reject },
    dispatch: (event) => {
      if (event.type === 'saved') saved = event.changed ? event.message : (saved ?? event.message);
      store.dispatch(event);
    },
  });
  const onAbort = () => left.resolve('interrupted');
  options.onCrash(left.reject);
  signal.addEventListener('abort', onAbort, { once: true });
  const screen = render(createElement(Screen, { store, color, jobControl }), {
    ...{ stdin, stdout },
    exitOnCtrlC: false,
    patchConsole: false,
    interactive: true,
    alternateScreen: true,
  });
  screen.waitUntilExit().catch(left.reject);
  try {
    effects.survey();
    const how = await left.promise;
    // Whoever leaves in the middle of it shall know what became of the file.
    await effects.written();
    return { how, saved };
  } finally {
    signal.removeEventListener('abort', onAbort);
    screen.unmount();
    await screen.waitUntilExit().catch(() => {});
  }
}
