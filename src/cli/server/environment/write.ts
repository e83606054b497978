import { randomUUID } from 'node:crypto';
import { allowedHostProblem } from '../../../gateway/entries.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { EnvironmentChanges } from '../../../plan42/admin-client.ts';
import type { AdminEnvironment } from '../../../plan42/admin-objects.ts';
import type { EnvVar } from '../../../plan42/objects.ts';
import { readRepo } from '../../../plan42/task-input.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { readInput } from '../../read-input.ts';
import { findConnection } from '../connection/find.ts';
import { findRunner } from '../find-runner.ts';
import type { LocationOptions } from '../location.ts';
import { requireImage } from '../require-image.ts';
import { callServer, type ServerConnection } from '../with-server.ts';
import { findEnvironment } from './find.ts';
import { parseEnvVar, readSecretFile } from './variables.ts';

interface ContentOptions extends LocationOptions {
  image?: string;
  description?: string;
  repo?: string[];
  host?: string[];
  env?: string[];
  secretFile?: string[];
  setupScript?: string | false;
  context?: string | false;
  connection?: string;
  runner?: string;
  json?: boolean;
}

export type CreateEnvironmentOptions = ContentOptions;

export interface SetEnvironmentOptions extends ContentOptions {
  name?: string;
  repos: boolean;
  hosts: boolean;
  addHost?: string[];
  removeEnv?: string[];
}

/** Prints the ID of the new environment. */
export async function createEnvironment(context: CliContext, name: string, options: CreateEnvironmentOptions) {
  requireName(name);
  if (options.image === undefined) {
    throw usage('no image given', 'Give the image of an agent with --image IMAGE.');
  }
  const [contents, variables] = [await readContents(context, options), await readVariables(context, options)];
  const created = await callServer(context, options, async (server) => {
    await requireNewName(server, name);
    const references = await findReferences(server, options);
    return server.client.createEnvironment(randomUUID(), {
      Name: name,
      ...contents,
      EnvVars: variables,
      ...references,
    });
  });
  const { stdout, signal } = context;
  await print(stdout, options.json ? renderJson(created) : `${printableLine(created.EnvironmentId)}\n`, signal);
}

export async function setEnvironment(context: CliContext, name: string, options: SetEnvironmentOptions): Promise<void> {
  if (options.name !== undefined) requireName(options.name);
  const contents = await readContents(context, options);
  if (!options.repos) contents.Repos = [];
  if (!options.hosts) contents.AllowedHosts = [];
  const variables = await readVariables(context, options);
  const { removeEnv = [], addHost } = options;
  const addedHosts = addHost?.map(requireHost);
  const changed = await callServer(context, options, async (server) => {
    const environment = await findEnvironment(server.client, name);
    if (options.name !== undefined && options.name !== environment.Name) await requireNewName(server, options.name);
    const changes: EnvironmentChanges = {
      ...contents,
      ...(addedHosts && {
        AllowedHosts: withHosts(contents.AllowedHosts ?? environment.AllowedHosts ?? [], addedHosts),
      }),
      ...(await findReferences(server, options)),
      ...(options.name !== undefined && { Name: options.name }),
      ...(variables.length + removeEnv.length > 0 && { EnvVars: changeVariables(environment, variables, removeEnv) }),
    };
    if (Object.keys(changes).length === 0) {
      throw usage('nothing to change', 'To see what can change, run "plan42 server environment set --help".');
    }
    return server.client.updateEnvironment(environment, changes);
  });
  if (options.json) await print(context.stdout, renderJson(changed), context.signal);
  else context.stderr.write(`Environment ${printableLine(changed.Name || changed.EnvironmentId)} changed.\n`);
  if (contents.AllowedHosts !== undefined && changed.AllowedHosts?.length === 0)
    context.stderr.write('It names no hosts now: its agents reach what egress.otherwise of the runner says.\n');
}

function withHosts(hosts: readonly string[], added: readonly string[]): string[] {
  return [...new Set([...hosts, ...added])];
}

/** Replaces, adds and removes variables. A secret that stays has no value here, and keeps the one that it has. */
export function changeVariables(
  { EnvVars }: AdminEnvironment,
  variables: readonly EnvVar[],
  removed: readonly string[],
): EnvVar[] {
  const existing = EnvVars ?? [];
  const missing = removed.find((name) => !existing.some(({ Name }) => Name === name));
  if (missing !== undefined) {
    const names = existing.map(({ Name }) => printableLine(Name)).join(', ') || 'none';
    throw new UserError(`the environment has no variable ${missing}`, { remedy: `It has: ${names}.` });
  }
  const given = new Map(variables.map((variable) => [variable.Name, variable]));
  // Fields that only newer clients know stay.
  const changed = (old: EnvVar): EnvVar => ({ ...old, ...given.get(old.Name) });
  const kept = existing.filter(({ Name }) => !removed.includes(Name)).map(changed);
  const added = variables.filter(({ Name }) => !kept.some((old) => old.Name === Name));
  return [...kept, ...added];
}

async function readContents(context: CliContext, options: ContentOptions): Promise<EnvironmentChanges> {
  const { image, description, repo, host, setupScript, context: contextFile } = options;
  requireOneStandardInput(options);
  if (image !== undefined) requireImage(image);
  const read = (path: string | false, what: string, option: string) =>
    path === false ? '' : readInput(context, path, what, `Give a file with --${option} FILE, or - for standard input.`);
  return {
    ...(image !== undefined && { DockerImage: image }),
    ...(description !== undefined && { Description: description }),
    ...(repo && { Repos: repo.map(requireRepo) }),
    ...(host && { AllowedHosts: host.map(requireHost) }),
    ...(setupScript !== undefined && { SetupScript: await read(setupScript, 'the setup script', 'setup-script') }),
    ...(contextFile !== undefined && { Context: await read(contextFile, 'the context', 'context') }),
  };
}

async function readVariables(context: CliContext, { env = [], secretFile = [] }: ContentOptions): Promise<EnvVar[]> {
  const variables = env.map((text) => parseEnvVar(text, context.env));
  for (const text of secretFile) variables.push(await readSecretFile(context, text));
  const names = variables.map(({ Name }) => Name);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw usage(`${twice} is given twice`, 'Give each variable once.');
  return variables;
}

function requireOneStandardInput({ setupScript, context, secretFile = [] }: ContentOptions): void {
  const readers = [setupScript === '-', context === '-', ...secretFile.map((text) => text.endsWith('=-'))];
  if (readers.filter(Boolean).length > 1) throw usage('only one option can read standard input', 'Use files.');
}

async function findReferences(server: ServerConnection, { connection, runner }: ContentOptions) {
  const { client } = server;
  return {
    ...(connection !== undefined && {
      GithubConnectionId:
        connection === 'default' ? connection : (await findConnection(client, connection)).ConnectionID,
    }),
    ...(runner !== undefined && { RunnerId: runner === 'default' ? runner : await findRunner(server, runner) }),
  };
}

function requireName(name: string): void {
  if (name.trim() === '') throw usage('the name is empty', 'Give a name such as "website".');
}

async function requireNewName({ client }: ServerConnection, name: string): Promise<void> {
  const existing = await client.listEnvironments();
  if (!existing.some(({ Name, Ephemeral }) => Name === name && Ephemeral !== true)) return;
  const remedy = 'Choose another name, or change it with "plan42 server environment set".';
  throw new UserError(`the environment ${name} already exists`, { remedy });
}

function requireRepo(text: string): string {
  if (readRepo(text)?.name === text) return text;
  throw usage(`${text} is not a repository`, 'Give org/repo.');
}

/** @throws UserError if an environment cannot allow this host */
export function requireHost(text: string): string {
  const problem = allowedHostProblem(text);
  if (problem === undefined) return text;
  const remedy =
    'Give a name such as registry.npmjs.org or *.example.com, or a preset such as npm: see docs/egress.md.';
  throw usage(`the host ${JSON.stringify(text)} ${problem}`, remedy);
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { remedy, exitCode: ExitCode.usage });
}
