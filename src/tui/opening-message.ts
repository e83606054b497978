import type { ConfigFile } from '../config/edit-file.ts';
import { mistakesIn, mistakesNote } from '../config/edit-file.ts';
import { permissionWarnings } from '../config/read-file.ts';
import { environmentVariable } from '../config/schema.ts';
import type { Message } from './state/state.ts';

/** What somebody who opens a configuration file should know of it; undefined where there is nothing. */
export async function openingMessage(file: ConfigFile, env: NodeJS.ProcessEnv): Promise<Message | undefined> {
  const mistakes = mistakesNote(mistakesIn(file));
  const open = (await permissionWarnings(file.path)).map((warning) => `${warning}.`);
  const notes = [mistakes, ...open, environmentNote(env)].filter((note) => note !== undefined);
  if (notes.length === 0) return undefined;
  return { kind: mistakes === undefined ? 'info' : 'error', text: notes.join(' ') };
}

/** Who changes here what the environment beats would wonder. */
function environmentNote(env: NodeJS.ProcessEnv): string | undefined {
  const names = ['url', 'token', 'runtime']
    .map((key) => environmentVariable('runner', key))
    .filter((name) => env[name]);
  if (names.length === 0) return undefined;
  return `Set in the environment, which beats the file: ${names.join(', ')}.`;
}
