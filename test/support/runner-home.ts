import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobRecord } from '../../src/jobs/record.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { makeRecord } from './job-record.ts';
import { type CliRun, type CliRunOptions, runCli } from './run-cli.ts';
import { makeTempDir } from './temp-dir.ts';

/** A home of its own for a runner, which is its state folder too, and `plan42 runner` in it. */
export interface RunnerHome extends AsyncDisposable {
  path: string;
  store: JobStore;
  runner(argv: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  add(fields?: Partial<JobRecord>): Promise<JobRecord>;
  addFinished(fields?: Partial<JobRecord>): Promise<JobRecord>;
  /** Makes a configuration that isn't used unless it is named. Resolves with its path. */
  configuration(text: string): Promise<string>;
}

export async function makeRunnerHome(): Promise<RunnerHome> {
  const dir = await makeTempDir();
  const { path } = dir;
  const store = await JobStore.open(path, join(path, 'logs'));
  const add = async (fields: Partial<JobRecord> = {}) => {
    const record = makeRecord(fields);
    await store.create(record, { request: '{}', agentToken: 't' });
    return record;
  };
  return {
    path,
    store,
    runner: (argv, options = {}) =>
      runCli(['runner', ...argv], { ...options, env: { HOME: path, PLAN42_STATE_DIR: path, ...options.env } }),
    add,
    addFinished: async (fields = {}) => {
      const record = await add({ phase: 'ended', ...fields });
      await store.finish(record);
      return record;
    },
    configuration: async (text) => {
      const file = join(path, 'config.toml');
      await writeFile(file, text, { mode: 0o600 });
      return file;
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

export const taskId = (n: number) => `0000000${n}-4f89-41d3-9a0c-0305e82c3301`;
