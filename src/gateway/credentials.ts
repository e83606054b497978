/** The values of a job's credentials, by name: a file in the folder of its gateway, mode 0600, which the runner replaces. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { readText } from '../lib/read-file.ts';
import { sleep } from '../lib/sleep.ts';
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

interface FollowOptions {
  /** Called with the values of a file that was replaced, when they are in use. */
  onChange: (values: ReadonlyMap<string, string>) => void;
  /** Called if such a file cannot be read. The values that were read last stay in use. */
  onError: (error: unknown) => void;
}

export interface FollowedCredentials extends Disposable {
  /** As they are now. */
  readonly values: ReadonlyMap<string, string>;
}

/** Reads the values, and again whenever the file was replaced. Rejects if it cannot be read at first. */
export async function followCredentials(
  folder: string,
  { onChange, onError }: FollowOptions,
): Promise<FollowedCredentials> {
  const path = join(folder, credentialsFile);
  const done = new AbortController();
  // Before the values, so that a file which replaces it in between is read, too.
  let version = await versionOf(path);
  let values = await readCredentials(folder);

  async function follow(): Promise<never> {
    for (;;) {
      await sleep(pollIntervalMs, done.signal);
      // The file is gone with the job's folder, at the end of the gateway.
      const next = await versionOf(path).catch(() => version);
      if (next === version) continue;
      version = next;
      try {
        values = await readCredentials(folder);
        onChange(values);
      } catch (error) {
        onError(error);
      }
    }
  }

  follow().catch(() => {});
  return {
    get values() {
      return values;
    },
    [Symbol.dispose]: () => done.abort(),
  };
}

async function versionOf(path: string): Promise<string> {
  const { ino, mtimeNs, size } = await stat(path, { bigint: true });
  return [ino, mtimeNs, size].join();
}
