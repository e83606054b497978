/** The input for a new task, parsed in the same way on the command line and on the web page. */
import { truncate } from '../lib/display-width.ts';
import { printableLine } from '../lib/printable.ts';

export interface Repo {
  /** `org/repo` */
  name: string;
  /** Empty for the repository's default branch. */
  targetBranch: string;
}

/** Parses `org/repo` or `org/repo:branch`. Returns undefined for anything else. */
export function readRepo(text: string): Repo | undefined {
  const [, name, branch = ''] = /^([\w.-]+\/[\w.-]+)(?::([^\s:]+))?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, targetBranch: branch };
}

/** Parses `NAME=VALUE` or `NAME`. Returns undefined for anything else. */
export function readVariable(text: string): { name: string; value: string | undefined } | undefined {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
  return name === undefined ? undefined : { name, value };
}

/** Whether an environment may have a variable of this name. */
export function isVariableName(text: string): boolean {
  return !text.includes('=') && readVariable(text) !== undefined;
}

/** Whether a connection may have this name, which is also a table in the configuration of its runner. */
export function isConnectionName(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text);
}

/** Whether an environment uses the default connection of its tenant. */
export function usesDefaultConnection({ GithubConnectionId }: { GithubConnectionId?: string | null | undefined }) {
  return !GithubConnectionId || GithubConnectionId === 'default';
}

/** Returns the `RepoInfo` of a new task. */
export function repoInfoOf(
  repos: readonly Repo[],
  taskId: string,
): Record<string, { FeatureBranch: string; TargetBranch: string }> {
  const FeatureBranch = `plan42/${taskId.slice(0, 8)}`;
  return Object.fromEntries(
    repos.map(({ name, targetBranch }) => [name, { FeatureBranch, TargetBranch: targetBranch }]),
  );
}

const maxTitleColumns = 60;

/** Returns the first line of a prompt, truncated to the length of a title. */
export function titleOf(prompt: string): string {
  const [firstLine = ''] = prompt.trim().split('\n');
  return truncate(printableLine(firstLine), maxTitleColumns);
}

export interface WantedEnvironment {
  image: string;
  repos: readonly string[];
  envVars: readonly { Name: string; Value: string; IsSecret?: boolean | null | undefined }[];
}

interface ExistingEnvironment {
  Context?: string | null | undefined;
  SetupScript?: string | null | undefined;
  DockerImage?: string | null | undefined;
  Repos?: readonly string[] | null | undefined;
  AllowedHosts?: readonly string[] | null | undefined;
  EnvVars?: WantedEnvironment['envVars'] | null | undefined;
  RunnerId?: string | null | undefined;
  GithubConnectionId?: string | null | undefined;
  Ephemeral?: boolean | null | undefined;
}

/**
 * Returns the environments that were made for tasks with this image: those that are not removed with their last task, and
 * that have all these repositories. Variables are part of an environment, so other ones need another environment.
 */
export function madeFor<Existing extends ExistingEnvironment>(
  environments: readonly Existing[],
  { image, repos, envVars }: WantedEnvironment,
): Existing[] {
  if (envVars.length > 0) return [];
  return environments.filter(
    ({ DockerImage, Ephemeral, Repos }) =>
      DockerImage === image && Ephemeral !== true && repos.every((repo) => Repos?.includes(repo)),
  );
}

/**
 * Returns whether an environment has exactly the requested image, repositories and variables, and no setup script, hosts,
 * runner or connection of its own.
 */
export function isAsWanted(environment: ExistingEnvironment, { image, repos, envVars }: WantedEnvironment): boolean {
  const { Context, SetupScript, DockerImage, Repos, AllowedHosts, EnvVars, RunnerId } = environment;
  const hasDefaults = (RunnerId ?? 'default') === 'default' && usesDefaultConnection(environment);
  const isPlain = !Context && !SetupScript && !AllowedHosts?.length && hasDefaults;
  // The values of an environment's secrets are not known.
  const hasSecrets = envVars.some(({ IsSecret }) => IsSecret === true);
  return (
    isPlain &&
    !hasSecrets &&
    DockerImage === image &&
    JSON.stringify(Repos ?? []) === JSON.stringify(repos) &&
    comparable(EnvVars ?? []) === comparable(envVars)
  );
}

function comparable(variables: WantedEnvironment['envVars']): string {
  return JSON.stringify(variables.map(({ Name, Value, IsSecret }) => [Name, Value, IsSecret === true]));
}
