/** `plan42 run`: a prompt becomes a task for the repository that the user is in, and its result comes back as a branch. */
import { randomUUID } from 'node:crypto';
import { featureBranchName } from '../../agent/git/branch-name.ts';
import { isGithubKey } from '../../jobs/credentials/collect.ts';
import { ExitCode, isAbort, UserError } from '../../lib/errors.ts';
import type { AdminTask, AdminTurn } from '../../plan42/admin-objects.ts';
import { ApiError } from '../../plan42/errors.ts';
import { baseBranchOf, hostedRepo } from '../../plan42/hosted-repositories.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import { titleOf } from '../../plan42/task-input.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { parseEnvVar } from '../server/environment/variables.ts';
import { requireHost } from '../server/environment/write.ts';
import { readPrompt } from '../server/prompt.ts';
import { findTask } from '../server/task/find.ts';
import { personalWords } from '../server/task-words.ts';
import { addTurn } from '../server/turn/create.ts';
import { type ServerConnection, withServer } from '../server/with-server.ts';
import { ensureAgentImage } from './agent-image.ts';
import { type ChosenAgent, chooseAgent } from './choose-agent.ts';
import { chooseEngine } from './choose-runtime.ts';
import { finishTurn } from './finish.ts';
import { requireWorkTree } from './git/changes.ts';
import { fetchTask, hostedRemote, pushCommit, pushOwnCommits } from './git/exchange.ts';
import { explainingGit } from './git/explain.ts';
import { authorOf, commitOfWorkTree, type LocalRepository, openRepository } from './git/local-repository.ts';
import { checkSecretsOfTurn, decideNetwork, requireLimits } from './network.ts';
import { updateEnvironment } from './next-environment.ts';
import type { RunOptions } from './options.ts';
import { githubRepoOf, preparePullRequest } from './pull-request.ts';
import { ensureService } from './service/ensure.ts';

/** @throws UserError also if the turn failed */
export function run(context: CliContext, words: readonly string[], options: RunOptions): Promise<void> {
  let isCreated = false;
  return explainingGit(async () => {
    checkOptions(options);
    const onCreated = () => {
      isCreated = true;
    };
    await runPrompt(context, await promptOf(context, words, options), { options, onCreated });
  }).catch((error: unknown) => {
    if (!isCreated && isAbort(error, context.signal)) context.stderr.write('Cancelled before a task was created.\n');
    throw error;
  });
}

async function runPrompt(
  context: CliContext,
  prompt: string,
  { options, onCreated }: { options: RunOptions; onCreated: () => void },
): Promise<void> {
  const repository = await openRepository(context, '.');
  if (options.apply) requireWorkTree(repository);
  const variables = (options.env ?? []).map((text) => parseEnvVar(text, context.env));
  // Its obstacles must show before an agent works for an hour.
  const pullRequest = options.pr ? await preparePullRequest(context, repository) : undefined;
  const isLimited = options.allow !== undefined || (options.network !== undefined && options.network !== 'open');
  if (options.turn !== undefined && isLimited && isLocal(options)) await requireLimits(context);
  const start =
    options.turn === undefined
      ? await newTask(context, repository, { prompt, options, variables })
      : (server: ServerConnection) =>
          nextTurn(context, server, repository, { id: options.turn ?? '', prompt, options, variables });
  await withServer(context, { ...options, personal: true }, async (server) => {
    const { task, turn } = await start(server);
    onCreated();
    await finishTurn(context, { server, repository, task, turn, options, pullRequest });
  });
}

const isLocal = ({ server, data }: Pick<RunOptions, 'server' | 'data'>) => server === undefined && data === undefined;

function checkOptions(options: RunOptions): void {
  const { apply, pr, detach, turn, dirty, image, agent, title, allow, container, network } = options;
  const reject = (message: string, remedy: string) => {
    throw new UserError(message, { remedy, exitCode: ExitCode.usage });
  };
  if (detach && (apply || pr)) {
    const remedy = 'Omit --detach, or use "plan42 task apply" when the task is finished.';
    reject('--detach cannot be used with --apply or --pr', remedy);
  }
  if (turn !== undefined && [dirty, image, agent, title].some((option) => option !== undefined)) {
    reject('--turn cannot be used with options for a new task', 'Omit --dirty, --image, --agent and --title.');
  }
  const limit = network !== undefined && network !== 'open' ? '--network' : allow && '--allow';
  if (limit !== undefined && !container) {
    reject(
      `${limit} cannot be used with --no-container: only the network of a container is limited`,
      'Omit one of them.',
    );
  }
  if (allow !== undefined && network === 'open')
    reject('--allow cannot be used with --network open, which allows every host', 'Omit one of them.');
  for (const host of allow ?? []) requireHost(host);
}

/** The arguments, a file, or standard input if it is not a terminal. */
async function promptOf(context: CliContext, words: readonly string[], { promptFile }: RunOptions): Promise<string> {
  const prompt = words.length === 0 ? undefined : words.join(' ');
  const isPiped = context.stdin.isTTY !== true && prompt === undefined && promptFile === undefined;
  const remedy = 'Give one: plan42 run "Fix the failing test"';
  if (isPiped) return readPrompt(context, { promptFile: '-' }, remedy);
  if (prompt === undefined && promptFile === undefined) {
    throw new UserError('there is no prompt', {
      remedy,
      exitCode: ExitCode.usage,
    });
  }
  const given = { ...(prompt !== undefined && { prompt }), ...(promptFile !== undefined && { promptFile }) };
  return readPrompt(context, given, remedy);
}

interface Started {
  task: AdminTask;
  turn: AdminTurn;
}

interface PromptInput {
  prompt: string;
  options: Pick<RunOptions, 'allow' | 'network' | 'server' | 'data'>;
  /** Those of `--env`. */
  variables: readonly EnvVar[];
}

interface NewTaskInput extends PromptInput {
  options: RunOptions;
}

/** Checks what can be checked without the server, starts the service, and returns the work with it. */
async function newTask(context: CliContext, repository: LocalRepository, input: NewTaskInput) {
  const { options } = input;
  const { stderr } = context;
  const agent = chooseAgent(context, options);
  if (agent.reason !== undefined) stderr.write(`${agent.reason}\n`);
  const isOwn = isLocal(options);
  const engine = options.container && (isOwn || agent.image === undefined) ? await chooseEngine(context) : undefined;
  const image =
    agent.image ??
    (await ensureAgentImage(context, agent.name ?? '', { engine: engine ?? 'docker', workTree: repository.workTree }));
  if (isOwn) await ensureService(context, engine ?? 'host');
  const notes = [...repository.notes];
  if (repository.isDirty && !options.dirty)
    notes.push('Uncommitted changes are not sent to the agent. To include them, add --dirty.');
  for (const note of notes) stderr.write(`${note}\n`);
  const network = options.container
    ? await decideNetwork(context, {
        ...{ options, repository, variables: [...agent.variables, ...input.variables], agentHosts: agent.hosts },
        engine: isOwn ? engine : undefined,
      })
    : undefined;
  for (const note of network?.notes ?? []) stderr.write(`${note}\n`);
  const commit = options.dirty ? await commitOfWorkTree(repository) : repository.head;
  return (server: ServerConnection) =>
    createTask(context, server, repository, { ...input, agent, image, commit, hosts: network?.hosts });
}

interface TaskInput extends NewTaskInput {
  agent: ChosenAgent;
  image: string;
  commit: string;
  hosts: string[] | undefined;
}

async function createTask(
  context: CliContext,
  { client, location, tenantId }: ServerConnection,
  repository: LocalRepository,
  { prompt, options, agent, image, variables, commit, hosts }: TaskInput,
): Promise<Started> {
  const taskId = randomUUID();
  const title = options.title ?? titleOf(prompt);
  const repo = hostedRepo(repository.hostedName);
  const base = baseBranchOf(taskId);
  await withProgress(context, 'Sending the repository to the server', async () => {
    await client.createRepository(repository.hostedName).catch(explainMissingRepositories);
    await pushCommit(hostedRemote(repository, location, tenantId), commit, base);
  });
  const environment = await client.createEnvironment(randomUUID(), {
    Name: agent.name ?? image,
    Description: 'Created by "plan42 run".',
    DockerImage: image,
    Repos: [repo],
    ...(hosts !== undefined && { AllowedHosts: hosts }),
    EnvVars: mergeVariables([
      ...(await identityVariables(repository)),
      ...folderVariable(repository),
      ...agent.variables,
      ...variables,
    ]),
    Ephemeral: true,
  });
  const branches = { FeatureBranch: featureBranchName(title, taskId), TargetBranch: base };
  const ofGithub = variables.some(({ Name }) => isGithubKey(Name)) ? await githubRepoOf(repository) : undefined;
  const task = await client.createTask(taskId, {
    Title: title,
    Prompt: prompt,
    EnvironmentId: environment.EnvironmentId,
    ...(options.model !== undefined && { Model: options.model }),
    // With a token, the agent may work there on the branch of the task.
    RepoInfo: { [repo]: branches, ...(ofGithub !== undefined && { [ofGithub]: { ...branches, TargetBranch: '' } }) },
  });
  return { task, turn: await client.getTurn(taskId, 1) };
}

function explainMissingRepositories(error: unknown): never {
  if (!(error instanceof ApiError) || error.status !== 404) throw error;
  throw new UserError('the server cannot keep repositories', { remedy: 'Use the server of a newer plan42.' });
}

/** The agent commits in the name of the user. */
async function identityVariables({ git }: LocalRepository): Promise<EnvVar[]> {
  const author = await authorOf(git);
  if (author === undefined) return [];
  return [
    { Name: 'GIT_AUTHOR_NAME', Value: author.name, IsSecret: false },
    { Name: 'GIT_AUTHOR_EMAIL', Value: author.email, IsSecret: false },
  ];
}

/** The agent starts where the user is. */
function folderVariable({ subfolder }: LocalRepository): EnvVar[] {
  return subfolder === '' ? [] : [{ Name: 'PLAN42_FOLDER', Value: subfolder, IsSecret: false }];
}

/** Of variables with one name, the last one counts. */
function mergeVariables(variables: readonly EnvVar[]): EnvVar[] {
  return [...new Map(variables.map((variable) => [variable.Name, variable])).values()];
}

/** Adds a turn, whose agent also gets what the user has committed to the branch of the task. */
async function nextTurn(
  context: CliContext,
  { client, location, tenantId }: ServerConnection,
  repository: LocalRepository,
  { id, prompt, options, variables }: PromptInput & { id: string },
): Promise<Started> {
  const { env, stderr } = context;
  const { allow = [], network } = options;
  const checkSecrets = async (changed: readonly EnvVar[]) => {
    // The owner of another server decides about its runners.
    const notes = isLocal(options) ? await checkSecretsOfTurn(context, changed) : [];
    for (const note of notes) stderr.write(`${note}\n`);
  };
  const task = await findTask(client, id, personalWords);
  await updateEnvironment(client, task, { hosts: allow, network, repository, variables, env, checkSecrets });
  const info = task.RepoInfo?.[hostedRepo(repository.hostedName)];
  if (info?.FeatureBranch) {
    const remote = hostedRemote(repository, location, tenantId);
    const refs = await fetchTask(remote, { taskId: task.TaskId, featureBranch: info.FeatureBranch });
    if (await pushOwnCommits(remote, refs, info.FeatureBranch))
      stderr.write(`Sent your commits on ${info.FeatureBranch} to the server.\n`);
  }
  return { task, turn: await addTurn(client, task, prompt, personalWords) };
}
