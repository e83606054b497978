/** The values of a job's credentials, by name: a file in the folder of its gateway, mode 0600, which the runner replaces. */
import { unwatchFile, watchFile } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { readText } from '../lib/read-file.ts';
import { credentialsFile } from './policy.ts';

const CredentialValues = v.object({ version: v.literal(1), values: v.record(v.string(), v.string()) });

/** Rejects if the file is missing, or anything in it is not understood. The error contains nothing of it. */
export async function readCredentials(folder: string): Promise<ReadonlyMap<string, string>> {
  const text = await readText(join(folder, credentialsFile));
  try {
    return new Map(Object.entries(v.parse(CredentialValues, parseJson(text)).values));
  } catch {
    throw new Error(`${credentialsFile} is invalid`);
  }
}

export async function writeCredentials(folder: string, values: ReadonlyMap<string, string>): Promise<void> {
  const content = { version: 1, values: Object.fromEntries(values) };
  await writeDurably(join(folder, credentialsFile), `${JSON.stringify(content)}\n`);
}

const pollIntervalMs = 250;

/** Calls `onChange` whenever the file was replaced. */
export function watchCredentials(folder: string, onChange: () => void): Disposable {
  const path = join(folder, credentialsFile);
  watchFile(path, { interval: pollIntervalMs, persistent: false }, onChange);
  return { [Symbol.dispose]: () => unwatchFile(path, onChange) };
}
