/** What a person says to start a task, read in the same way at the command line and at the web page. */
import { truncate } from '../lib/display-width.ts';
import { printableLine } from '../lib/printable.ts';

export interface Repo {
  /** `org/repo` */
  name: string;
  targetBranch: string;
}

/** Reads `org/repo` or `org/repo:branch`; undefined if it is neither. */
export function readRepo(text: string): Repo | undefined {
  const [, name, branch = 'main'] = /^([\w.-]+\/[\w.-]+)(?::([^\s:]+))?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, targetBranch: branch };
}

/** Reads `NAME=VALUE` or `NAME`; undefined if it is neither. */
export function readVariable(text: string): { name: string; value: string | undefined } | undefined {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
  return name === undefined ? undefined : { name, value };
}

/** The `RepoInfo` of a new task. */
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

/** The first line of a prompt, cut to a title's length. */
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
 * Whether an environment is just what is wanted. One that a person has given a setup script, hosts or a runner of its own
 * is another thing.
 */
export function isAsWanted(environment: ExistingEnvironment, { image, repos, envVars }: WantedEnvironment): boolean {
  const { Context, SetupScript, DockerImage, Repos, AllowedHosts, EnvVars, RunnerId } = environment;
  const isPlain = !Context && !SetupScript && !AllowedHosts?.length && (RunnerId ?? 'default') === 'default';
  return (
    isPlain &&
    DockerImage === image &&
    JSON.stringify(Repos ?? []) === JSON.stringify(repos) &&
    comparable(EnvVars ?? []) === comparable(envVars)
  );
}

function comparable(variables: WantedEnvironment['envVars']): string {
  return JSON.stringify(variables.map(({ Name, Value, IsSecret }) => [Name, Value, IsSecret === true]));
}
