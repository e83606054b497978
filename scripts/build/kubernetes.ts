/** Keeps the generated classes of the Kubernetes client out of bundles: 16 MB, of which reading a configuration needs nothing. */
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

export const withoutKubernetesClasses: Plugin = {
  name: 'without-kubernetes-classes',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer, resolveDir }) =>
      /client-node[\\/]dist[\\/]config\.js$/.test(importer)
        ? { path: join(resolveDir, 'gen/configuration.js'), namespace: 'kubernetes-configuration' }
        : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'kubernetes-configuration' }, ({ path }) => ({
      contents: `export { createConfiguration } from './configuration.js';\nexport { ServerConfiguration } from './servers.js';\n`,
      resolveDir: join(path, '..'),
    }));
  },
};
