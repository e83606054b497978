import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CliRun, type CliRunOptions, runCli } from './run-cli.ts';
import { makeTempDir } from './temp-dir.ts';

/** A place for a runner's configuration, and `plan42 runner config` for it. */
export interface ConfigPlace extends AsyncDisposable {
  file: string;
  read: () => Promise<string>;
  config: (argv: readonly string[], options?: CliRunOptions) => Promise<CliRun>;
}

/** Without `content` there is no file yet. */
export async function placeConfig(content?: string): Promise<ConfigPlace> {
  const dir = await makeTempDir();
  const file = join(dir.path, 'plan42-runner.toml');
  if (content !== undefined) await writeFile(file, content, { mode: 0o600 });
  return {
    file,
    read: () => readFile(file, 'utf8'),
    config: (argv, options) => runCli(['runner', 'config', ...argv, '-c', file], options),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}
