import type { JobSummary } from '../../../jobs/summary.ts';
import { fillTitles } from '../../../jobs/titles.ts';
import { formatError } from '../../../lib/errors.ts';
import { redact } from '../../../lib/logger.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { loadPlacedConfig, type Places } from '../places.ts';

const maxWaitMs = 5000;

/**
 * Asks the server for titles that nobody has noted yet. Where that can't be done, the list goes without; returns a line that
 * says so.
 */
export async function fillMissingTitles(
  context: CliContext,
  places: Places,
  jobs: readonly JobSummary[],
): Promise<string> {
  const { signal } = context;
  await using resources = new AsyncDisposableStack();
  let client: ReturnType<typeof connect> | undefined;
  const timeout = AbortSignal.timeout(maxWaitMs);
  const failure = await fillTitles(jobs, {
    stateDir: places.stateDir,
    signal: AbortSignal.any([signal, timeout]),
    fetchTitle: async ({ tenantId, taskId }, signal) => {
      client ??= connect(context, places, resources);
      return (await (await client).getTask(tenantId, taskId, { signal })).Title ?? '';
    },
  });
  signal.throwIfAborted();
  if (failure === undefined) return '';
  return `Some titles could not be fetched: ${printableLine(redact(formatError(failure)))}\n`;
}

async function connect(context: CliContext, places: Places, resources: AsyncDisposableStack) {
  const { config, path } = await loadPlacedConfig(context, places);
  // Late, since a list without missing titles does without.
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
