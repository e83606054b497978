import type { JobSummary } from '../../../jobs/summary.ts';
import { fillTitles } from '../../../jobs/titles.ts';
import { formatError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { redact } from '../../../lib/redact.ts';
import type { CliContext } from '../../context.ts';
import { connectAsRunner } from '../runner-client.ts';
import type { RunnerPaths } from '../runner-paths.ts';

const maxWaitMs = 5000;

/**
 * Fetches missing titles from the server. If that fails, leaves them empty and returns a warning line.
 */
export async function fillMissingTitles(
  context: CliContext,
  paths: RunnerPaths,
  jobs: readonly JobSummary[],
): Promise<string> {
  const { signal } = context;
  await using resources = new AsyncDisposableStack();
  let connection: ReturnType<typeof connectAsRunner> | undefined;
  const timeout = AbortSignal.timeout(maxWaitMs);
  const failure = await fillTitles(jobs, {
    stateDir: paths.stateDir,
    signal: AbortSignal.any([signal, timeout]),
    fetchTitle: async ({ tenantId, taskId }, signal) => {
      connection ??= connectAsRunner(context, paths, resources);
      return (await (await connection).client.getTask(tenantId, taskId, { signal })).Title ?? '';
    },
  });
  signal.throwIfAborted();
  if (failure === undefined) return '';
  return `WARNING: cannot fetch some titles: ${printableLine(redact(formatError(failure)))}\n`;
}
