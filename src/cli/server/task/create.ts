import { randomUUID } from 'node:crypto';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/uuid.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import { type Repo, readRepo, repoInfoOf, titleOf } from '../../../plan42/task-input.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { findEnvironment } from '../environment/find.ts';
import { parseEnvVar } from '../environment/variables.ts';
import { followTurn, throwIfFailed } from '../follow-turn.ts';
import type { LocationOptions } from '../location.ts';
import { type PromptOptions, readPrompt } from '../prompt.ts';
import { requireImage } from '../require-image.ts';
import { withServer } from '../with-server.ts';
import { ensureEnvironment } from './environment.ts';

export interface CreateTaskOptions extends LocationOptions, PromptOptions {
  image?: string;
  title?: string;
  env?: string[];
  repo?: string[];
  environment?: string;
  follow?: boolean;
  json?: boolean;
}

export async function createTask(context: CliContext, options: CreateTaskOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const environmentOf = environmentSource(context, options);
  const repos = (options.repo ?? []).map(parseRepoOption);
  const prompt = await readPrompt(context, options);
  await withServer(context, options, async ({ client }) => {
    const taskId = randomUUID();
    await client.createTask(taskId, {
      Title: options.title ?? titleOf(prompt),
      Prompt: prompt,
      EnvironmentId: await environmentOf(client, repos),
      RepoInfo: repoInfoOf(repos, taskId),
    });
    if (!options.json) await print(stdout, `${taskId}\n`, signal);
    const turn = await client.getTurn(taskId, 1);
    const last = options.follow ? await followTurn(context, client, turn, options.json ? stderr : stdout) : turn;
    if (options.json) await print(stdout, renderJson(await documentOf(client, taskId)), signal);
    if (options.follow) await throwIfFailed(client, last);
  });
}

type EnvironmentSource = (client: AdminClient, repos: readonly Repo[]) => Promise<string>;

// Checks the options before anything is created on the server.
function environmentSource({ env, stderr }: CliContext, options: CreateTaskOptions): EnvironmentSource {
  const { image, environment } = options;
  if (environment !== undefined) {
    if (image === undefined && options.env === undefined)
      return async (client) =>
        isUuid(environment) ? environment : (await findEnvironment(client, environment)).EnvironmentId;
    const remedy = 'They are part of the environment: omit them, or omit --environment.';
    throw new UserError('--environment cannot be used with --image or --env', { remedy, exitCode: ExitCode.usage });
  }
  if (image === undefined) {
    const remedy = 'Give the image of an agent with --image IMAGE, or an environment with --environment NAME.';
    throw new UserError('no image given', { remedy, exitCode: ExitCode.usage });
  }
  requireImage(image);
  const envVars = (options.env ?? []).map((text) => parseEnvVar(text, env));
  return (client, repos) =>
    ensureEnvironment(client, { image, envVars, repos: repos.map(({ name }) => name) }, (line) => stderr.write(line));
}

async function documentOf(client: AdminClient, taskId: string) {
  const [Task, Turns] = await Promise.all([client.getTask(taskId), client.listTurns(taskId)]);
  return { Task, Turns };
}

/**
 * Parses `org/repo` or `org/repo:branch`.
 * @throws UserError
 */
export function parseRepoOption(text: string): Repo {
  const repo = readRepo(text);
  if (repo !== undefined) return repo;
  const remedy = 'Give org/repo, or org/repo:branch for a target branch other than its default branch.';
  throw new UserError(`${text} is not a repository`, { remedy, exitCode: ExitCode.usage });
}
