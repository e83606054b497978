/** From a job that has its image to an agent that runs: its input, its secrets, its limits. */
import type { Mount } from '../config/mounts.ts';
import type { Connection } from '../config/schema.ts';
import type { EffectiveLimits } from '../limits/effective.ts';
import type { StartOptions } from '../runtimes/runtime.ts';
import { buildAgentInput } from './agent-input.ts';
import { brokerFor } from './credentials/broker-of-job.ts';
import type { JobContext } from './job-context.ts';
import { armWarden } from './limit-job.ts';
import { agentSwitches, type ModelConfig, modelFields } from './model-providers.ts';
import type { JobRecord } from './record.ts';

export interface Given {
  feedback: unknown;
  egress: StartOptions['egress'];
  mounts: readonly Mount[];
  limited: EffectiveLimits;
  /** Awaited when all else is ready. The agent gets the turn as it is then. */
  beforeLaunch: () => Promise<void>;
}

export async function startAgent(
  { jobId, image }: JobRecord,
  { feedback, egress, mounts, limited, beforeLaunch }: Given,
  context: JobContext,
): Promise<void> {
  const { config, store, runtime, turn, serverUrl, detach } = context;
  const request = await store.readRequest(jobId);
  if (request === undefined) throw new Error('the request of the job is missing');
  const connection = findConnection(context);
  const now = context.credentials.current();
  const buildInput = () =>
    buildAgentInput(request, { turn: turn.newest, connection, feedback, models: modelFields(now) });
  const given = { input: buildInput(), connection, limits: limited.limits };
  const { broker, ...guards } = await brokerFor({ jobId, image }, egress, given, context);
  const requestFile = store.inputFile(jobId);
  const launchable = async () => {
    await beforeLaunch();
    const input = buildInput();
    await store.writeInput(jobId, broker?.hideInJson(input) ?? input);
  };
  const maxLogBytes = limited.maxLogMib * 2 ** 20;
  const paths = store.paths(jobId);
  const { variables, ...forLimits } = await armWarden(paths, limited, context);
  try {
    const mayPullAgain = config.images.pullPolicy !== 'never';
    const policy = egress && broker ? { ...egress, broker: broker.policy, ...guards } : egress;
    const job = { ...paths, image, mayPullAgain, requestFile, maxLogBytes, serverUrl, egress: policy, broker };
    const all = [...mounts, ...forLimits.mounts];
    const given = {
      ...(variables && { variables }),
      ...(all.length > 0 && { mounts: all }),
      ...(forLimits.limits && { limits: forLimits.limits }),
    };
    const agentSwitches = switchesFor(now, context);
    await runtime.start({ ...job, ...given, agentSwitches, beforeLaunch: launchable }, detach);
  } catch (error) {
    detach.throwIfAborted();
    // A start that the previous run began just before it was killed can succeed only now.
    if (!(await runtime.wasStarted(paths))) throw error;
  }
}

function switchesFor(config: ModelConfig, { runtime, logger }: JobContext): string[] {
  const switches = agentSwitches(config);
  // A command of the host gets no arguments, so that any program can be one.
  if (switches.length > 0 && runtime.name === 'host') logger.info('agent switches ignored', { runtime: runtime.name });
  return switches;
}

function findConnection({ github, invocation, logger }: JobContext): Connection | undefined {
  const id = invocation?.PrivateGithubConnectionID;
  const connection = github.find(id);
  if (id && !connection?.token) {
    const remedy = connection
      ? 'set the token of the [github.<name>] table with this connection_id'
      : 'add a [github.<name>] table with this connection_id and a token';
    logger.warn('agent has no access to GitHub', { connection_id: id, remedy });
  }
  return connection;
}
