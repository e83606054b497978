import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommand } from '../../../src/lib/run-command.ts';
import { requiresCommands } from '../requires-command.ts';
import { type CliRun, type CliRunOptions, runCli } from '../run-cli.ts';
import { makeTempDir } from '../temp-dir.ts';
import { type PlistValue, readPlist } from './plist.ts';

const uid = 501;
// Services are asked for so often that the start of a Node.js for each would be most of a test's time.
const launchctlScript = `#!/bin/sh
if [ "$1" = print ] && [ ! -e "$FAKE_LAUNCHD/no-session" ]; then
  cat "$FAKE_LAUNCHD/\${2##*/}.print" 2>/dev/null && exit
fi
exec '${process.execPath}' '${join(import.meta.dirname, 'launchctl.ts')}' "$@"
`;

/** A Mac as far as `plan42` can see: its home folder and a launchctl of our own. */
export interface Mac extends AsyncDisposable {
  home: string;
  /** The folder of what launchd knows; the files `busy` and `no-session` change how it behaves. */
  launchd: string;
  plistFile: string;
  plan42(argv: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  launchctl(...args: string[]): Promise<void>;
  plist(label?: string): Record<string, PlistValue>;
  /** The calls of launchctl so far, without `print`. */
  calls(): Promise<string[]>;
}

/** Undefined, and the test skipped, where libplist is missing. */
export async function makeMac(t: TestContext): Promise<Mac | undefined> {
  if (!(await requiresCommands(t, 'plistutil', 'ps'))) return undefined;
  const dir = await makeTempDir();
  // Names that XML and shells must escape.
  const home = join(dir.path, 'Üser <&> "x" y');
  const bin = join(dir.path, 'bin');
  const launchd = join(dir.path, 'launchd');
  for (const folder of [home, bin, launchd]) await mkdir(folder);
  const launchctlFile = join(bin, 'launchctl');
  await writeFile(launchctlFile, launchctlScript);
  await chmod(launchctlFile, 0o755);
  const env = {
    HOME: home,
    PATH: `${bin}:${process.env['PATH']}`,
    FAKE_LAUNCHD: launchd,
    FAKE_LAUNCHD_OWNER: String(process.pid),
    FAKE_LAUNCHD_THROTTLE_MS: '300',
  };
  const plistFile = join(home, 'Library/LaunchAgents/ai.plan42.runner.plist');
  const plan42 = (argv: readonly string[], options: CliRunOptions = {}) =>
    runCli(argv, { platform: 'darwin', uid, ...options, env: { ...env, ...options.env } });
  return {
    home,
    launchd,
    plistFile,
    plan42,
    launchctl: async (...args) => {
      await runCommand(launchctlFile, args, { env: { ...process.env, ...env } });
    },
    plist: (label = 'ai.plan42.runner') => readPlist(join(home, 'Library/LaunchAgents', `${label}.plist`)),
    calls: async () =>
      (await readFile(join(launchd, 'calls'), 'utf8')).split('\n').filter((line) => !/^(print|keep|$)/.test(line)),
    [Symbol.asyncDispose]: async () => {
      await plan42(['runner', 'disable']);
      await plan42(['server', 'disable']);
      await dir[Symbol.asyncDispose]();
    },
  };
}
