/** Finds the cluster: a kubeconfig with its context, or the service account of the pod that the runner is in. */
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { formatError, UserError } from '../../../lib/errors.ts';
import { exists } from '../../../lib/files.ts';

export interface ClusterSettings {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
}

export interface FoundCluster {
  config: KubeConfig;
  namespace: string;
  /** Where the configuration is from, for messages. */
  source: string;
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Searches as kubectl does: the setting, KUBECONFIG, ~/.kube/config, the pod's service account.
 * @throws UserError
 */
export async function findCluster(settings: ClusterSettings, env: NodeJS.ProcessEnv): Promise<FoundCluster> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const files = await findFiles(settings, env);
  const config = new KubeConfig();
  if (files.length === 0) {
    if (!(await exists(serviceAccountToken)) || !env['KUBERNETES_SERVICE_HOST'])
      throw new UserError('there is no kubeconfig, and the runner is not in a pod with a service account', {
        remedy: 'Set kubernetes.kubeconfig, or create ~/.kube/config.',
      });
    config.loadFromCluster();
  }
  for (const file of files) {
    const next = new KubeConfig();
    try {
      next.loadFromFile(file);
      config.mergeConfig(next, config.currentContext !== undefined);
    } catch (error) {
      throw unreadable(file, error);
    }
  }
  const source = files.length > 0 ? files.join(', ') : 'service account';
  const context = chooseContext(config, settings, source);
  return { config, namespace: settings.namespace ?? (context.namespace || 'default'), source };
}

/** YAML or JSON. @throws Error that can quote the text */
export async function parseYaml(text: string): Promise<unknown> {
  const { loadYaml } = await import('@kubernetes/client-node/dist/yaml.js');
  return loadYaml(text);
}

async function findFiles({ kubeconfig }: ClusterSettings, env: NodeJS.ProcessEnv): Promise<string[]> {
  if (kubeconfig !== undefined) return [kubeconfig];
  const named = (env['KUBECONFIG'] ?? '').split(':').filter((file) => file !== '');
  if (named.length > 0) return named;
  const own = env['HOME'] === undefined ? undefined : join(env['HOME'], '.kube/config');
  return own !== undefined && (await exists(own)) ? [own] : [];
}

// Messages of the YAML parser quote lines, which can be keys.
function unreadable(file: string, error: unknown): UserError {
  const isSyntax = error instanceof Error && error.name === 'YAMLException';
  const reason = isSyntax ? 'it is not YAML' : formatError(error);
  return new UserError(`cannot read the kubeconfig ${file}: ${reason}`, {
    remedy: 'Correct it, or set kubernetes.kubeconfig to another file.',
  });
}

function chooseContext(config: KubeConfig, settings: ClusterSettings, source: string) {
  if (settings.context !== undefined) config.setCurrentContext(settings.context);
  const name = config.getCurrentContext();
  const names = config.getContexts().map((context) => context.name);
  const remedy = names.length === 0 ? 'Add one.' : `Set kubernetes.context to one of: ${names.join(', ')}.`;
  if (!name) throw new UserError(`the kubeconfig ${source} has no current context`, { remedy });
  const context = config.getContextObject(name);
  if (context === null) throw new UserError(`the kubeconfig ${source} has no context ${name}`, { remedy });
  const missing =
    config.getCurrentCluster() === null
      ? `cluster ${context.cluster}`
      : config.getCurrentUser() === null && `user ${context.user}`;
  if (missing)
    throw new UserError(`the context ${name} of the kubeconfig ${source} names the ${missing}, which is not there`, {
      remedy: 'Correct the kubeconfig, or set kubernetes.context.',
    });
  return context;
}
