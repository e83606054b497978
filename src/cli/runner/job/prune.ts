import { type Collection, collectGarbage } from '../../../jobs/garbage/collect.ts';
import { describeCollection, garbageRules, totalBytes } from '../../../jobs/garbage/garbage.ts';
import { JobStore } from '../../../jobs/store.ts';
import { systemClock } from '../../../lib/clock.ts';
import { formatError, isAbort, UserError } from '../../../lib/errors.ts';
import { formatBytes } from '../../../lib/format-bytes.ts';
import { printableLine } from '../../../lib/printable.ts';
import { readInstanceId } from '../../../runner/instance.ts';
import type { Runtime } from '../../../runtimes/runtime.ts';
import { selectRuntime } from '../../../runtimes/select.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson, terminalWidth } from '../../output.ts';
import { renderTable } from '../../table.ts';
import { findRunnerPaths, loadRunnerConfig, type RunnerOptions } from '../runner-paths.ts';

export interface PruneOptions extends RunnerOptions {
  dryRun?: boolean;
  /** In milliseconds. */
  olderThan?: number;
  json?: boolean;
  /** The ID of a runner instance that no longer exists. */
  instance?: string;
}

/** @throws UserError if something could not be removed, after printing what was removed */
export async function pruneJobs(context: CliContext, options: PruneOptions): Promise<void> {
  const { dryRun = false } = options;
  const collection = await collect(context, options, dryRun);
  await print(
    context.stdout,
    options.json ? toJson(collection, dryRun) : toText(context, collection, dryRun),
    context.signal,
  );
  const [first] = collection.failures;
  if (first === undefined) return;
  const more = collection.failures.length > 1 ? ` (and ${collection.failures.length - 1} more)` : '';
  throw new UserError(`cannot remove ${first.what}${more}`, { cause: first.error });
}

async function collect(context: CliContext, options: PruneOptions, dryRun: boolean): Promise<Collection> {
  const paths = await findRunnerPaths(context, options);
  const { stateDir, logDir } = paths;
  const { config, warnings } = await loadRunnerConfig(context, paths);
  for (const warning of warnings) context.stderr.write(`WARNING: ${warning}\n`);
  const instanceId = await readInstanceId(stateDir);
  if (instanceId === undefined) return { removed: [], kept: [], failures: [] };
  const store = JobStore.at(stateDir, logDir);
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.paths(jobId));
  const { signal } = context;
  let runtime: Runtime | undefined;
  try {
    runtime = await selectRuntime({ config, env: context.env, instanceId, knownJobs, signal });
  } catch (error) {
    if (isAbort(error, signal) || !(error instanceof UserError)) throw error;
    context.stderr.write(`WARNING: skipping containers and images: ${formatError(error)}\n`);
  }
  if (options.instance !== undefined && runtime?.listOthers === undefined)
    throw new UserError('--instance needs a runner whose runtime is kubernetes, and its cluster', {
      remedy: 'Remove containers of docker and podman by hand: they have the label ai.plan42.instance.',
    });
  if (options.instance === instanceId)
    throw new UserError(`cannot remove what instance ${instanceId} has: this runner has that ID`, {
      remedy: 'Leave out --instance. Name the ID of a runner that no longer exists.',
    });
  const rules = garbageRules(config);
  return collectGarbage(
    {
      store,
      runtime,
      instanceId,
      signal,
      now: () => systemClock.date().getTime(),
      rules: { ...rules, keepFinishedMs: options.olderThan ?? 0 },
      others: { remove: options.instance },
    },
    { dryRun },
  );
}

function toJson({ removed, kept, failures }: Collection, dryRun: boolean): string {
  return renderJson({
    dryRun,
    removed: removed.map(({ kind, name, bytes = null, reason }) => ({ kind, name, bytes, reason })),
    bytes: totalBytes(removed),
    kept,
    failures: failures.map(({ what, error }) => ({ what, error: formatError(error) })),
  });
}

function toText({ stdout }: CliContext, { removed, kept }: Collection, dryRun: boolean): string {
  const notes = kept
    .map(({ kind, name, reason }) => `Kept: ${printableLine(`${kind} ${name}: ${reason}`)}.\n`)
    .join('');
  if (removed.length === 0) return `Nothing to remove.\n${notes}`;
  const table = renderTable(
    removed,
    [
      { title: 'KIND', cell: ({ kind }) => kind },
      { title: 'NAME', cell: ({ name }) => printableLine(name) },
      { title: 'SIZE', cell: ({ bytes }) => (bytes === undefined ? '' : formatBytes(bytes)) },
      { title: 'REASON', cell: ({ reason }) => reason, flexible: true },
    ],
    terminalWidth(stdout),
  );
  const total = describeCollection(removed);
  return `${table}${dryRun ? `Would remove: ${total}.` : `Removed: ${total}.`}\n${notes}`;
}
