import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startControlPlane } from './control-plane.ts';
import { type FakeApple, startFakeApple } from './fake-apple.ts';
import { type CliRun, type CliRunOptions, runCli } from './run-cli.ts';
import { makeTempDir, type TempDir } from './temp-dir.ts';

const schema = JSON.parse(await readFile(new URL('../../docs/schemas/runner-doctor.json', import.meta.url), 'utf8'));
const validate = new Ajv2020({ strict: true }).compile(schema);

interface Checked {
  name: string;
  status: string;
  found: string[];
  remedies: { text: string; command?: string }[];
}

/** The real control plane; the container runtime is the stand-in for Apple's, which is ready at once. */
export interface DoctorSetting extends AsyncDisposable {
  url: string;
  /** Which the control plane takes. */
  token: string;
  apple: FakeApple;
}

export async function startDoctorSetting(): Promise<DoctorSetting> {
  await using resources = new AsyncDisposableStack();
  const plane = resources.use(await startControlPlane());
  const apple = resources.use(await startFakeApple());
  const token = await plane.newToken();
  const owned = resources.move();
  return { url: plane.server.url, token, apple, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export interface Given {
  /** Undefined variables are removed. */
  runner?: Record<string, string | boolean | undefined>;
  /** More of the configuration. */
  config?: string;
  env?: NodeJS.ProcessEnv;
}

interface Patient extends AsyncDisposable {
  dir: TempDir;
  configFile: string;
  run(argv?: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  /** All checks by name, and the exit code. */
  checks(): Promise<{ exitCode: number; of: (name: string) => Checked; text: string }>;
}

/** A valid configuration in its own folder, changed by the options. */
export async function setUp(
  { url, token, apple }: DoctorSetting,
  { runner = {}, config = '', env = {} }: Given = {},
): Promise<Patient> {
  const dir = await makeTempDir();
  const configFile = join(dir.path, 'plan42-runner.toml');
  const settings = Object.entries({ url, token, runtime: 'apple', ...runner });
  const given = settings.filter(([, value]) => value !== undefined);
  const table = given.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join('');
  await writeFile(configFile, `[runner]\n${table}${config}`, { mode: 0o600 });
  const stateDir = join(dir.path, 'state');
  const run = (argv: readonly string[] = [], options: CliRunOptions = {}) =>
    runCli(['runner', 'doctor', '-c', configFile, '--state-dir', stateDir, ...argv], {
      ...options,
      // No other engine of this machine.
      env: { PATH: join(apple.state.dir, 'bin'), HOME: dir.path, ...env },
    });
  return {
    dir,
    configFile,
    run,
    checks: async () => {
      const { stdout, exitCode } = await run(['--json']);
      const report = JSON.parse(stdout);
      validate(report);
      assert.equal(validate.errors, null);
      assert.equal(report.exitCode, exitCode);
      assertNoSecret(stdout, token);
      const of = (name: string) => report.checks.find((check: Checked) => check.name === name);
      return { exitCode, of, text: stdout };
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const githubToken = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
export const plainSecret = 'plain-secret-without-a-prefix';

function assertNoSecret(text: string, token: string): void {
  for (const secret of [token, token.slice('p42r_'.length, 40), githubToken, plainSecret])
    assert.ok(!text.includes(secret));
}

/** The connection `work` to the GitHub at this address. */
export const connection = (url: string, secret = githubToken) =>
  `[github.work]\nname = "work"\nurl = "${url}"\nconnection_id = "1b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e"\ntoken = "${secret}"\n`;
