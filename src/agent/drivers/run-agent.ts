import { sleep } from '../../lib/sleep.ts';
import type { Adapter, Launch } from '../adapters/adapter.ts';
import { followUpPrompt, repeatedPrompt, withMessages } from '../prompt/messages.ts';
import { describeError, isResponse, promptByAcp } from './acp.ts';
import { agentEnvironment } from './agent-environment.ts';
import { AgentProcess, type Exit, findProgram, writeFiles } from './agent-process.ts';
import { AgentWatch } from './agent-watch.ts';
import { checkServer } from './check-server.ts';
import { promptByCommandLine } from './command-line.ts';
import { AgentFailure, type AgentResult, type AgentTask } from './driver.ts';
import { explainFailure } from './explain-failure.ts';
import { Transcript } from './transcript.ts';

const exitTimeoutMs = 2000;

/**
 * Lets an agent work until it is done, then kills everything that it started.
 * @throws AgentFailure, or the signal's reason
 */
export async function runAgent(adapter: Adapter, task: AgentTask): Promise<AgentResult> {
  task.signal.throwIfAborted();
  const env = agentEnvironment(task.env);
  // The API capitalises levels, and agents do not.
  const settings = { ...task, env, reasoningLevel: task.reasoningLevel?.toLowerCase() };
  const first = { ...settings, prompt: withMessages(task.prompt, task.followUps?.take() ?? []) };
  let driver = await chooseDriver(adapter, first);
  await checkServer(adapter, env, task.signal);
  let isOver = false;
  const transcript = new Transcript(
    (event) => {
      if (!isOver) task.onEvent(event);
    },
    () => watch.refresh(),
  );
  const mayRunTool = () => !driver.showsTools || transcript.isToolOpen;
  // It is not the agent's own output, which would be progress.
  const log = (text: string) => {
    if (!isOver) task.onEvent({ type: 'output', text });
  };
  using watch = new AgentWatch({ adapter, env, mayRunTool, log }, task);
  try {
    // All that people have asked for.
    let request = first.prompt;
    await runProcess(driver, first, { adapter, transcript, watch });
    // An agent that speaks the protocol takes messages itself. These have come since its last answer.
    for (let messages = takeMore(task, transcript); messages.length > 0; messages = takeMore(task, transcript)) {
      const next = await chooseNext(adapter, { ...settings, prompt: request }, { messages, transcript });
      driver = next.driver;
      request = withMessages(request, messages);
      transcript.next();
      transcript.restart();
      await runProcess(driver, next.task, { adapter, transcript, watch });
    }
    const [message, ...later] = [...transcript.earlier, transcript.answer];
    const { usage, session } = transcript;
    return { message, ...(later.length > 0 && { later }), usage, ...(session === undefined ? {} : { session }) };
  } finally {
    isOver = true;
  }
}

/** Sends the last answer, and returns the messages that have arrived meanwhile. */
function takeMore({ followUps }: AgentTask, { answer }: Transcript): readonly string[] {
  followUps?.answer(answer);
  return followUps?.take() ?? [];
}

interface Running {
  adapter: Adapter;
  transcript: Transcript;
  watch: AgentWatch;
}

/** Runs the agent once. @throws AgentFailure, or the signal's reason */
async function runProcess(
  { launch, showsErrors, prompt }: ChosenDriver,
  task: AgentTask,
  { adapter, transcript, watch }: Running,
): Promise<void> {
  const { env } = task;
  await writeFiles(launch.files, env);
  const showError = (text: string) => transcript.add({ type: 'output', text });
  await using agent = new AgentProcess(launch, {
    folder: task.folder,
    env,
    onError: showsErrors ? showError : () => {},
    onActivity: () => showsErrors && watch.refresh(),
  });
  watch.usedCpuMs = () => agent.usedCpuMs();
  const outcome = await Promise.race([prompt(agent, task, transcript), watch.ended]).catch((error: unknown) => ({
    error,
  }));
  task.signal.throwIfAborted();
  transcript.finish();
  const failure = await findFailure(outcome, { adapter, env, agent, transcript });
  if (failure === undefined) return;
  if (!showsErrors && agent.errorText !== '') showError(agent.errorText);
  throw failure;
}

interface ChosenDriver {
  launch: Launch;
  /** Standard error is part of the output. Other agents write notes for their developers there. */
  showsErrors: boolean;
  /** Reports when a tool starts and ends. */
  showsTools: boolean;
  /** Continues the session of an earlier process for certain. */
  continues: boolean;
  prompt: (agent: AgentProcess, task: AgentTask, transcript: Transcript) => Promise<Exit | undefined>;
}

async function chooseDriver(adapter: Adapter, task: AgentTask): Promise<ChosenDriver> {
  const driver = await findDriver(adapter, task);
  if (!task.webSearch) requireNoWebSearch(adapter, driver.launch);
  return driver;
}

/** Returns the way to continue with messages: the session if that is possible for certain, otherwise all is repeated. */
async function chooseNext(
  adapter: Adapter,
  settings: AgentTask,
  { messages, transcript: { answer, session } }: { messages: readonly string[]; transcript: Transcript },
): Promise<{ driver: ChosenDriver; task: AgentTask }> {
  const continued = { ...settings, resume: session, prompt: followUpPrompt(messages) };
  const driver = await chooseDriver(adapter, continued);
  if (driver.continues) return { driver, task: continued };
  const repeated = { ...continued, prompt: repeatedPrompt(messages, { prompt: settings.prompt, answer }) };
  return { driver: await chooseDriver(adapter, repeated), task: repeated };
}

async function findDriver({ name, acp, commandLine, packages }: Adapter, task: AgentTask): Promise<ChosenDriver> {
  // With `command`, the protocol is not used even if the agent speaks it.
  const byAcp = task.env['PLAN42_AGENT_PROTOCOL'] === 'command' && commandLine ? undefined : acp?.(task);
  if (byAcp !== undefined && (await findProgram(byAcp.command[0], task.env)) !== undefined) {
    const prompt: ChosenDriver['prompt'] = async (agent, task, transcript) => {
      await promptByAcp(name, byAcp, agent, task, transcript);
      return undefined;
    };
    return { launch: byAcp, showsErrors: false, showsTools: true, continues: false, prompt };
  }
  const byArguments = commandLine?.(task);
  if (byArguments !== undefined && (await findProgram(byArguments.command[0], task.env)) !== undefined) {
    const prompt: ChosenDriver['prompt'] = (agent, task, transcript) =>
      promptByCommandLine(byArguments, agent, task, transcript);
    const { read, reportsToolsLate = false, continues = false } = byArguments;
    const showsTools = read !== undefined && !reportsToolsLate;
    return { launch: byArguments, showsErrors: !read, showsTools, continues, prompt };
  }
  const programs = [byAcp, byArguments].flatMap((launch) => launch?.command[0] ?? []);
  const install = Object.entries(packages).flatMap(([manager, names]) => `${manager}: ${names.join(' ')}`);
  throw new AgentFailure(
    'not-installed',
    `cannot start ${name}: ${programs.join(' or ') || 'its program'} is not installed in the image. ` +
      `Install it${install.length > 0 ? ` (${install.join(', ')})` : ''}, or use another image.`,
  );
}

/** A setting that cannot be enforced prevents the start. @throws AgentFailure */
function requireNoWebSearch({ name }: Adapter, { withoutWebSearch }: Launch): void {
  if (withoutWebSearch === true) return;
  const why = withoutWebSearch ?? 'its adapter has no setting for it';
  throw new AgentFailure(
    'web-search',
    `cannot start ${name}: the runner forbids web search, which this agent might do: ${why}. ` +
      'Change the image, use another agent, or allow web search in the configuration of the runner.',
  );
}

interface Ended {
  adapter: Adapter;
  env: NodeJS.ProcessEnv;
  agent: AgentProcess;
  transcript: Transcript;
}

/** Returns undefined if the agent has finished its work. */
async function findFailure(
  outcome: Exit | { error: unknown } | undefined,
  { adapter, env, agent, transcript }: Ended,
): Promise<AgentFailure | undefined> {
  const error = outcome !== undefined && 'error' in outcome ? outcome.error : undefined;
  if (error instanceof AgentFailure) return error;
  const { failure, isDone } = transcript;
  if (error === undefined && failure === undefined && isDone) return undefined;
  const hasLostAgent = error !== undefined && !isResponse(error);
  const exit = outcome !== undefined && 'code' in outcome ? outcome : hasLostAgent ? await exitSoon(agent) : undefined;
  if (error === undefined && failure === undefined && exit?.code === 0) return undefined;
  const described = error === undefined ? '' : describeError(error);
  // After an exit, the error is only that the connection broke off.
  const errors = exit === undefined ? [described, agent.errorText] : [agent.errorText, described];
  const texts = [failure ?? '', ...errors, transcript.answer];
  return explainFailure(adapter, env, { texts, exit, cause: error });
}

/** An agent whose connection broke off has usually exited. */
async function exitSoon(agent: AgentProcess): Promise<Exit | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([agent.exited, sleep(exitTimeoutMs, timer.signal).then(() => undefined)]);
  } catch {
    return undefined;
  } finally {
    timer.abort();
  }
}
