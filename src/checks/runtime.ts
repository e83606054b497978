import { type Config, localRuntimeNames, type RuntimeName } from '../config/schema.ts';
import { isJobId } from '../jobs/job-id.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { checkInstanceId } from '../runtimes/check/names.ts';
import type { Runtime, RuntimeWarning } from '../runtimes/runtime.ts';
import { createRuntime } from '../runtimes/select.ts';
import type { RuntimeStatus } from '../runtimes/status.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, warning } from './finding.ts';

type Candidate = Omit<RuntimeStatus, 'installed'> & { warnings: readonly RuntimeWarning[] };

const subject = 'runner.runtime';

/** The runtime that the runner would use is ready. Also names the other ready runtimes. */
export function checkRuntime(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const all = await context.once(inspectRuntimes);
    const chosen = choose(all, config);
    const others = all.filter((each) => each !== chosen && each.readiness.ready).map(({ name }) => name);
    if (chosen === undefined) return [noneReady(all)];
    if (!chosen.readiness.ready) return [notReady(chosen, others), ...notesOf(chosen)];
    const alternatives = others.length > 0 ? ` (also ready: ${others.join(', ')})` : '';
    const runtime = create(chosen.name, config, context);
    return [
      passed(subject, chosen.readiness.detail + alternatives),
      ...cautions(chosen, config),
      ...(await foreignJobs(runtime, context)),
      ...(await jobsOfOthers(runtime, context)),
    ];
  });
}

/** Jobs that the Go runner has started, which this one neither adopts nor stops. */
async function foreignJobs(runtime: Runtime, { signal }: CheckContext): Promise<Finding[]> {
  const names = ((await runtime.listForeign?.(signal).catch(() => [])) ?? []).filter(isJobId);
  if (names.length === 0) return [];
  const many = names.length > 1;
  const command = runtime.name === 'apple' ? 'container' : runtime.name;
  return [
    warning(
      subject,
      `${many ? 'containers' : 'a container'} of another runner, such as the Go runner, still ${many ? 'run' : 'runs'}: ${names.join(', ')}`,
      {
        text: 'This runner does not manage them. Wait until they exit, or stop them.',
        command: `${command} stop ${names.join(' ')}`,
      },
    ),
  ];
}

/** Jobs in the cluster that this runner cannot adopt: their runner uses the namespace too, or has lost its state. */
async function jobsOfOthers(runtime: Runtime, { signal }: CheckContext): Promise<Finding[]> {
  const others = (await runtime.listOthers?.(signal).catch(() => [])) ?? [];
  return [...Map.groupBy(others, ({ instanceId }) => instanceId)].map(([instanceId, jobs]) =>
    warning(
      subject,
      `${jobs.length === 1 ? 'a Job belongs' : `${jobs.length} Jobs belong`} to another runner, with the instance ID ${instanceId}`,
      {
        text: 'If that runner no longer exists, end and remove its Jobs:',
        command: `plan42 runner job prune --instance ${instanceId}`,
      },
    ),
  );
}

/** The runtime that the runner would use; undefined if it is not ready. */
export async function findRuntime(config: Config, context: CheckContext): Promise<Runtime | undefined> {
  const chosen = choose(await context.once(inspectRuntimes), config);
  return chosen?.readiness.ready ? create(chosen.name, config, context) : undefined;
}

/** The folder of containers and images of the runtime that the runner would use, if there is one on this machine. */
export async function engineFolderOf(context: CheckContext): Promise<string | undefined> {
  const parsed = await context.readConfig().catch(() => undefined);
  const runtime = parsed && (await findRuntime(parsed.config, context));
  return runtime?.storageFolder(context.signal);
}

/** For all checks together: each engine starts a few programs, which takes seconds on a busy machine. */
async function inspectRuntimes(context: CheckContext): Promise<Candidate[]> {
  const { config } = await context.readConfig();
  return Promise.all(candidateNames(config).map((name) => inspectRuntime(name, config, context)));
}

// A cluster that only a kubeconfig names is none of the runner's business. A runner of a cluster needs no engine of its machine.
const candidateNames = ({ runner }: Config): readonly RuntimeName[] =>
  runner.runtime === 'kubernetes' ? ['kubernetes'] : localRuntimeNames;

function choose(all: readonly Candidate[], { runner }: Config): Candidate | undefined {
  if (runner.runtime !== undefined) return all.find(({ name }) => name === runner.runtime);
  return all.find(({ name, readiness }) => readiness.ready && localRuntimeNames.includes(name));
}

// Its containers are no other runner's garbage.
function create(name: RuntimeName, config: Config, { env, paths }: CheckContext): Runtime {
  const protectedPaths = [paths.configFile, paths.stateDir, paths.logDir];
  return createRuntime(name, { config, env, instanceId: checkInstanceId, knownJobs: async () => [], protectedPaths });
}

async function inspectRuntime(name: RuntimeName, config: Config, context: CheckContext): Promise<Candidate> {
  const runtime = create(name, config, context);
  try {
    const warnings = (await runtime.warnings?.()) ?? [];
    return { name, readiness: await runtime.checkReady(context.signal), warnings };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message: reason, remedy = 'Correct the settings.' } = error;
    return { name, readiness: { ready: false, reason, remedy }, warnings: [] };
  }
}

function noneReady(all: readonly Candidate[]): Finding {
  const reasons = all.map(({ name, readiness }) => `${name}: ${readiness.ready ? 'ready' : readiness.reason}`);
  const remedy = { text: 'Install and start Docker or Podman, or set runner.runtime.' };
  return failed(subject, `no runtime is ready (${reasons.join('; ')})`, remedy, ExitCode.runtime);
}

function notReady({ name, readiness }: Candidate, others: readonly string[]): Finding {
  const reason = readiness.ready ? '' : readiness.reason;
  const isSuggested = !readiness.ready && readiness.remedy.startsWith('Set runner.runtime');
  const instead =
    others.length > 0 && !isSuggested ? ` Or set runner.runtime to ${others.join(' or ')}, which is ready.` : '';
  const text = `${readiness.ready ? '' : readiness.remedy}${instead}`;
  return failed(subject, `${name} is not ready: ${reason}`, { text }, ExitCode.runtime);
}

const notesOf = ({ warnings }: Candidate): Finding[] =>
  warnings.map(({ reason, remedy }) => warning(subject, reason, ...(remedy ? [{ text: remedy }] : [])));

function cautions(chosen: Candidate, config: Config): Finding[] {
  const notes = notesOf(chosen);
  if (chosen.name !== 'host') return notes;
  const text = 'If you do not trust the agents with that, set runner.runtime to docker or podman.';
  const command = config.host.command?.[0] ?? '';
  return [
    ...notes,
    warning(subject, `${command} runs without isolation, with access to your files and network`, { text }),
  ];
}
