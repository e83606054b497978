/** Helm, built by Go from its module, once for each version. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { parseYaml } from '../../../src/runtimes/kubernetes/api/kubeconfig.ts';
import { requireCommands, run } from '../engines/processes.ts';

const version = 'v4.3.2';
const root = join(import.meta.dirname, '../../..');

export const chart = join(root, 'deploy/helm/plan42-runner');

/** An object that a chart renders. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  [field: string]: unknown;
}

/** Why there is no Helm, for a skip message. Empty if there is one, or if Go can build it. */
export async function whyNoHelm(): Promise<string> {
  if (await exists(programPath())) return '';
  try {
    await requireCommands('go');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** False, and the test is skipped, if there is no Helm. */
export async function requiresHelm(t: Pick<TestContext, 'skip'>): Promise<boolean> {
  const why = await whyNoHelm();
  if (why !== '') t.skip(`missing prerequisite: Helm: ${why}`);
  return why === '';
}

/** Returns the path of Helm. Builds it, in some minutes, if the cache has none. Concurrent calls, also of other processes, wait for one build. */
export async function buildHelm(): Promise<string> {
  const program = programPath();
  if (!(await exists(program))) await build(program);
  return program;
}

/** Runs Helm. Returns its output. @throws with its errors */
export async function helm(...args: string[]): Promise<string> {
  const program = await buildHelm();
  // Its messages have several lines.
  return (await promisify(execFile)(program, args)).stdout;
}

/** Renders the chart. @param values JSON of values, over those of the chart */
export async function render(namespace: string, values: object): Promise<Manifest[]> {
  const settings = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
  return parseManifests(await helm('template', 'plan42-runner', chart, '--namespace', namespace, ...settings));
}

export async function parseManifests(text: string): Promise<Manifest[]> {
  const documents = text.split(/^---$/m).filter((document) => /^kind: /m.test(document));
  return (await Promise.all(documents.map((document) => parseYaml(document)))) as Manifest[];
}

// One build at a time, also of several processes; the others find the program then. In a folder of its own first, so that a
// killed build leaves no half of a program. Go inherits the lock, and so keeps it if this script is killed.
const buildScript = `
set -euo pipefail
program=$1 module=$2
mkdir -p "$(dirname "$program")"
exec 9>"$program.lock"
flock 9
[[ ! -x $program ]] || exit 0
CGO_ENABLED=0 GOBIN="$program.new" go install -trimpath "$module"
mv "$program.new/helm" "$program"
rmdir "$program.new"
`;

async function build(program: string): Promise<void> {
  const module = `helm.sh/helm/v4/cmd/helm@${version}`;
  await run('nice', ['-n', '10', 'bash', '-c', buildScript, 'build-helm', program, module]);
}

function programPath(): string {
  const userCache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(process.env['PLAN42_TEST_CACHE'] || join(userCache, 'plan42-tests'), 'helm', version, 'helm');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
