import { join } from 'node:path';
import { joinWords } from '../lib/join-words.ts';
import { createTransport } from '../plan42/transport.ts';
import type { Adapter } from './adapters/adapter.ts';
import { findAdapter } from './adapters/find-adapter.ts';
import { fetchAttachments } from './attachments.ts';
import { type DeliverDeps, hasChanges, propose, type Saved, save } from './deliver.ts';
import type { AgentResult, FollowUps } from './drivers/driver.ts';
import { runAgent } from './drivers/run-agent.ts';
import { failureMessage, TurnFailure } from './failures.ts';
import type { Clone } from './git/clone.ts';
import { type Identity, identityVariables, sharedVariables } from './git/environment.ts';
import { ignoreUntracked } from './git/ignored.ts';
import { connectGithub, type Github } from './github/client.ts';
import { findIdentity } from './github/identity.ts';
import { type Answer, parseAnswer } from './prompt/answers.ts';
import { type Feedback, openFeedback } from './prompt/feedback.ts';
import { buildPrompt } from './prompt/prompt.ts';
import { explainRefusedHosts } from './refused-hosts.ts';
import { cloneAll, describeForPrompt, openSubfolder } from './repositories.ts';
import { runSetupScript } from './setup-script.ts';
import { showEvent, showUsage } from './show-event.ts';
import { TaskUpdates } from './task-updates.ts';
import type { TurnApi } from './turn/api.ts';
import type { AgentRequest } from './turn/request.ts';
import type { TurnReporter, TurnResult } from './turn/turn-reporter.ts';
import { openWorkspace } from './workspace.ts';

export interface TurnDeps {
  request: AgentRequest;
  turn: TurnReporter;
  api: TurnApi;
  inbox: FollowUps;
  /** Of this process. */
  env: NodeJS.ProcessEnv;
  webSearch: boolean;
  signal: AbortSignal;
  agents: Agents;
  /** Gets what is to be disposed of after the end of the turn was reported. */
  later: (resource: AsyncDisposable) => void;
}

/** The command-line agents. */
export interface Agents {
  find: typeof findAdapter;
  run: typeof runAgent;
}

export const realAgents: Agents = { find: findAdapter, run: runAgent };

/** Works on a turn and returns how it ended. Never rejects. */
export async function runTurn(deps: TurnDeps): Promise<TurnResult> {
  const result = await tryTurn(deps);
  return isStopped(deps) ? result : await explainRefusedHosts(result);
}

const isStopped = ({ signal, turn }: Pick<TurnDeps, 'signal' | 'turn'>) => signal.aborted || turn.finished.aborted;

async function tryTurn(deps: TurnDeps): Promise<TurnResult> {
  const { request, turn, api } = deps;
  const signal = AbortSignal.any([deps.signal, turn.finished]);
  const title = request.title ? `, "${request.title}"` : '';
  turn.log(`Turn ${request.turnIndex} of task ${request.taskId}${title}`);
  const clones: Clone[] = [];
  try {
    const github = githubOf(deps, signal);
    const env = await turnEnvironment(deps, github);
    const adapter = await deps.agents.find(env);
    const task = new TaskUpdates(api, request, (line) => turn.log(line));
    const shown = withoutSecretsInTexts(request, (text) => turn.redact(text));
    const deliverDeps = { request: shown, turn, task, github, env, agent: adapter.name };
    const workspace = await openWorkspace(env);
    // Removing many files takes minutes on a slow disk.
    deps.later(workspace);
    return await work({ ...deps, signal, adapter, env, workspace: workspace.folder, clones, deliverDeps });
  } catch (error) {
    const result = failed(error, deps);
    turn.log(`Failed: ${result.ErrorMessage}`);
    return result;
  }
}

interface WorkDeps extends TurnDeps {
  adapter: Adapter;
  workspace: string;
  clones: Clone[];
  deliverDeps: DeliverDeps;
}

async function work(deps: WorkDeps): Promise<TurnResult> {
  const { request, turn, env, clones, deliverDeps } = deps;
  const feedback = openFeedback(request.feedback);
  const { folder, prompt } = await prepare(deps, feedback);
  let result: AgentResult;
  try {
    result = await runCommandLineAgent(deps, { folder, prompt });
  } catch (error) {
    return await saveAndFail(error, deps);
  }
  const answer = answerOf(result);
  turn.update({ Status: 'Pushing' });
  const saved = await save(clones, answer.summary, deliverDeps);
  if (deps.signal.aborted) return failed(deps.signal.reason, deps, saved);
  await propose(clones, { answer, feedback, saved }, deliverDeps);
  if (clones.length > 0 && !saved.hasUncommitted && !(await hasChanges(clones, env))) {
    saved.notes.push('Nothing was changed in this turn.');
    turn.log('Nothing was changed in this turn.');
  }
  const common = {
    OutputMessage: [answer.summary, ...saved.notes].filter((part) => part !== '').join('\n\n'),
    CommitInfo: saved.commits,
    ...(result.session !== undefined && { PreviousResponseID: result.session }),
  };
  if (saved.failures.length === 0) return { Status: 'Completed', ...common };
  return { Status: 'Failed', ...common, ErrorMessage: sentences(saved) };
}

/** The summary ends with the answers to messages, so that it says all that was done. */
function answerOf({ message, later = [] }: AgentResult): Answer {
  const { summary, replies } = parseAnswer(message);
  return { summary: [summary, ...later].filter((part) => part.trim() !== '').join('\n\n'), replies };
}

interface Prepared {
  /** The folder that the agent works in. */
  folder: string;
  prompt: string;
}

async function prepare(deps: WorkDeps, feedback: readonly Feedback[]): Promise<Prepared> {
  const { request, turn, api, env, workspace, clones, signal } = deps;
  const log = (line: string) => turn.log(line);
  if (request.repos.length > 0) turn.update({ Status: 'Cloning' });
  clones.push(
    ...(await cloneAll({ request: deps.deliverDeps.request, serverUrl: api.serverUrl, workspace, env, log, signal })),
  );
  const [only, ...others] = clones;
  const isOnly = only !== undefined && others.length === 0;
  const folder = isOnly ? only.folder : workspace;
  const attachments = await fetchAttachments({ request, api, workspace, log, signal });
  if (request.setupScript.trim() !== '') turn.update({ Status: 'Running the Setup Script' });
  await runSetupScript(request.setupScript, { folder, env, log, signal });
  const subfolder = isOnly ? await openSubfolder(only, env, log) : '';
  const described = [];
  for (const clone of clones) {
    clone.ignored = await ignoreUntracked(clone.folder, env);
    described.push(await describeForPrompt(clone, { env, subfolder }));
  }
  return { folder: join(folder, subfolder), prompt: buildPrompt({ ...request, attachments }, described, feedback) };
}

async function runCommandLineAgent(deps: WorkDeps, prepared: Prepared): Promise<AgentResult> {
  const { request, turn, adapter, env, webSearch, signal, agents } = deps;
  turn.update({ Status: `Working: ${adapter.name}` });
  const result = await agents.run(adapter, {
    ...prepared,
    model: request.model,
    reasoningLevel: request.reasoningLevel,
    webSearch,
    env,
    resume: request.previousResponseId,
    signal,
    followUps: deps.inbox,
    onEvent: (event) => {
      const shown = showEvent(event);
      if (shown !== '') turn.log(shown);
    },
  });
  const usage = showUsage(result.usage);
  if (usage !== '') turn.log(`Used ${usage}.`);
  return withoutSecrets(result, (text) => turn.redact(text));
}

// The answer goes to commits, pull requests, comments and the server, so it is redacted here, once.
function withoutSecrets(
  { message, later = [], session, usage }: AgentResult,
  redact: (text: string) => string,
): AgentResult {
  const hasCleanSession = session !== undefined && redact(session) === session;
  return { message: redact(message), later: later.map(redact), usage, ...(hasCleanSession && { session }) };
}

/** The request, as people may see it in commits and pull requests. */
function withoutSecretsInTexts(request: AgentRequest, redact: (text: string) => string): AgentRequest {
  const { title, prompt, taskPrompt } = request;
  return { ...request, title: redact(title), prompt: redact(prompt), taskPrompt: redact(taskPrompt) };
}

/** Saves the work that was done until the failure. */
async function saveAndFail(error: unknown, deps: WorkDeps): Promise<TurnResult> {
  const { turn, clones, deliverDeps } = deps;
  turn.log(`Failed: ${deps.signal.aborted ? stopReason(deps.signal) : failureMessage(error)}`);
  const saved = await save(clones, 'Unfinished: the turn failed.', deliverDeps);
  const branches = clones.filter(({ pushed, baseline }) => pushed !== undefined && pushed !== baseline);
  const names = [...new Set(branches.map(({ featureBranch }) => featureBranch))];
  if (names.length > 0) saved.notes.unshift(`What was done until then is on the branch ${joinWords(names)}.`);
  return failed(error, deps, saved);
}

function failed(error: unknown, deps: Pick<TurnDeps, 'signal' | 'turn'>, saved?: Saved): TurnResult {
  const reason = isStopped(deps) ? stopReason(deps.signal) : failureMessage(error);
  const more = saved === undefined ? '' : sentences(saved);
  return {
    Status: 'Failed',
    ErrorMessage: more === '' ? reason : `${reason}${/[.!?]$/.test(reason) ? '' : '.'} ${more}`,
    ...(saved && { CommitInfo: saved.commits }),
  };
}

/** At a limit of the job, that is the reason of the signal. */
function stopReason({ reason }: AbortSignal): string {
  return reason instanceof TurnFailure ? reason.message : 'stopped';
}

function sentences({ failures, notes }: Saved): string {
  return [...failures, ...notes].join(' ');
}

function githubOf({ request, env }: TurnDeps, signal: AbortSignal): Github | undefined {
  const { githubUrl, githubToken, variables } = request;
  if (githubToken === undefined) return undefined;
  // The variables of the environment may name a proxy, as for git.
  const transport = createTransport({ env: { ...env, ...variables } });
  return connectGithub({ githubUrl, githubToken }, { transport, signal });
}

/** The environment of everything that works on the turn. It contains the variables of the environment, but no token of ours. */
async function turnEnvironment({ env, request }: TurnDeps, github: Github | undefined): Promise<NodeJS.ProcessEnv> {
  const own = { ...request.modelVariables, ...env, ...request.variables };
  const shared = { ...own, ...sharedVariables(own) };
  const identity: Identity = shared['GIT_AUTHOR_NAME'] ? { name: '', email: '' } : await findIdentity(github);
  return { ...shared, ...identityVariables(identity, shared) };
}
