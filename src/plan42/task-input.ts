/** The input for a new task, parsed in the same way on the command line and on the web page. */
import { truncate } from '../lib/display-width.ts';
import { printableLine } from '../lib/printable.ts';

export interface Repo {
  /** `org/repo` */
  name: string;
  targetBranch: string;
}

/** Parses `org/repo` or `org/repo:branch`. Returns undefined for anything else. */
export function readRepo(text: string): Repo | undefined {
  const [, name, branch = 'main'] = /^([\w.-]+\/[\w.-]+)(?::([^\s:]+))?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, targetBranch: branch };
}

/** Parses `NAME=VALUE` or `NAME`. Returns undefined for anything else. */
export function readVariable(text: string): { name: string; value: string | undefined } | undefined {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
  return name === undefined ? undefined : { name, value };
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
}

/**
 * Returns whether an environment has exactly the requested image, repositories and variables, and no setup script, hosts or
 * runner of its own.
 */
export function isAsWanted(environment: ExistingEnvironment, { image, repos, envVars }: WantedEnvironment): boolean {
  const { Context, SetupScript, DockerImage, Repos, AllowedHosts, EnvVars, RunnerId } = environment;
  const isPlain = !Context && !SetupScript && !AllowedHosts?.length && (RunnerId ?? 'default') === 'default';
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
