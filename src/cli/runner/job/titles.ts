import type { JobSummary } from '../../../jobs/summary.ts';
import { fillTitles } from '../../../jobs/titles.ts';
import { formatError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { redact } from '../../../lib/redact.ts';
import type { CliContext } from '../../context.ts';
import { loadRunnerConfig, type RunnerPaths } from '../runner-paths.ts';

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
  let client: ReturnType<typeof connect> | undefined;
  const timeout = AbortSignal.timeout(maxWaitMs);
  const failure = await fillTitles(jobs, {
    stateDir: paths.stateDir,
    signal: AbortSignal.any([signal, timeout]),
    fetchTitle: async ({ tenantId, taskId }, signal) => {
      client ??= connect(context, paths, resources);
      return (await (await client).getTask(tenantId, taskId, { signal })).Title ?? '';
    },
  });
  signal.throwIfAborted();
  if (failure === undefined) return '';
  return `WARNING: cannot fetch some titles: ${printableLine(redact(formatError(failure)))}\n`;
}

async function connect(context: CliContext, paths: RunnerPaths, resources: AsyncDisposableStack) {
  const { config, path } = await loadRunnerConfig(context, paths);
  // Loaded on demand, because a list without missing titles does not need it.
  const [{ Plan42Client }, { createTransport }, { requireRunnerToken }] = await Promise.all([
    import('../../../plan42/client.ts'),
    import('../../../plan42/transport.ts'),
    import('../../../runner/require-token.ts'),
  ]);
  const { token } = requireRunnerToken(config, path);
  const transport = createTransport({ ...config.runner, caFile: config.network.caFile, env: context.env });
  resources.defer(() => transport.destroy());
  const userAgent = `plan42/${context.version}`;
  return new Plan42Client({ transport, baseUrl: config.runner.url, token, userAgent });
}
