import type { CliContext } from '../context.ts';
import { loadRunnerConfig, type RunnerPaths } from './runner-paths.ts';

/** Connects to the server with the runner token. `resources` closes the connections. @throws UserError without a valid token */
export async function connectAsRunner(context: CliContext, paths: RunnerPaths, resources: AsyncDisposableStack) {
  const { config, path } = await loadRunnerConfig(context, paths);
  // Loaded on demand, because most commands do not need it.
  const [{ Plan42Client }, { createTransport }, { requireRunnerToken }] = await Promise.all([
    import('../../plan42/client.ts'),
    import('../../plan42/transport.ts'),
    import('../../runner/require-token.ts'),
  ]);
  const { token, tenantId } = requireRunnerToken(config, path);
  const transport = createTransport({ ...config.runner, caFile: config.network.caFile, env: context.env });
  resources.defer(() => transport.destroy());
  const userAgent = `plan42/${context.version}`;
  return { client: new Plan42Client({ transport, baseUrl: config.runner.url, token, userAgent }), tenantId };
}
