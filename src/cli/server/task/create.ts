import { randomUUID } from 'node:crypto';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { isUuid } from '../../../lib/uuid.ts';
import type { AdminClient, NewTask } from '../../../plan42/admin-client.ts';
import type { AdminWorkstream } from '../../../plan42/admin-objects.ts';
import { type Repo, readRepo, repoInfoOf, titleOf } from '../../../plan42/task-input.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { findEnvironment } from '../environment/find.ts';
import { parseEnvVar } from '../environment/variables.ts';
import { readAttachments, withUploads } from '../file/attach.ts';
import { followTurn, throwIfFailed } from '../follow-turn.ts';
import type { LocationOptions } from '../location.ts';
import { type PromptOptions, readPrompt } from '../prompt.ts';
import { requireImage } from '../require-image.ts';
import { withLocation } from '../with-location.ts';
import { withServer } from '../with-server.ts';
import { findWorkstream } from '../workstream/find.ts';
import { ensureEnvironment } from './environment.ts';

export interface CreateTaskOptions extends LocationOptions, PromptOptions {
  image?: string;
  title?: string;
  env?: string[];
  repo?: string[];
  environment?: string;
  file?: string[];
  workstream?: string;
  follow?: boolean;
  json?: boolean;
}

export async function createTask(context: CliContext, options: CreateTaskOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const environmentOf = environmentSource(context, options);
  const repos = (options.repo ?? []).map(parseRepoOption);
  if (options.follow && options.workstream !== undefined) {
    const remedy = 'Omit --follow: the task starts when those above it are completed.';
    throw new UserError('--follow cannot be used with --workstream', { remedy, exitCode: ExitCode.usage });
  }
  const prompt = await readPrompt(context, options);
  const attached = await readAttachments(context, options.file);
  await withServer(context, options, async ({ client, files, workstreams }) => {
    const { workstream: name } = options;
    const workstream = name === undefined ? undefined : await findWorkstream(workstreams, name);
    const taskId = randomUUID();
    const task: NewTask = {
      Title: options.title ?? titleOf(prompt),
      Prompt: prompt,
      EnvironmentId: await environmentOf(client, repos),
      RepoInfo: repoInfoOf(repos, taskId),
    };
    await withUploads(files, attached, (ids) => {
      const withFiles = ids.length > 0 ? { ...task, FileIDs: ids } : task;
      return workstream === undefined
        ? client.createTask(taskId, withFiles)
        : workstreams.createTask(workstream, taskId, withFiles);
    });
    if (!options.json) await print(stdout, `${taskId}\n`, signal);
    if (workstream !== undefined) {
      if (options.json) await print(stdout, renderJson({ Task: await client.getTask(taskId), Turns: [] }), signal);
      if (workstream.Paused) stderr.write(`${withLocation(printableLine(resumeHint(workstream)), options)}\n`);
      return;
    }
    const turn = await client.getTurn(taskId, 1);
    const last = options.follow ? await followTurn(context, client, turn, options.json ? stderr : stdout) : turn;
    if (options.json) await print(stdout, renderJson(await documentOf(client, taskId)), signal);
    if (options.follow) await throwIfFailed(client, last);
  });
}

function resumeHint({ Name, WorkstreamId }: AdminWorkstream): string {
  return `The workstream ${Name} is paused. Let its tasks start: plan42 server workstream resume ${WorkstreamId.slice(0, 8)}`;
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
