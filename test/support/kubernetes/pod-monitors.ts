/** The kind PodMonitor, from the module of the Prometheus operator, so that the API server checks ours as it does for users. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import { parseYaml } from '../../../src/runtimes/kubernetes/api/kubeconfig.ts';
import { run } from '../engines/processes.ts';
import { eventually } from '../eventually.ts';

const operator = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** @param api with the rights of an administrator */
export async function definePodMonitors(api: KubeApi): Promise<void> {
  // Without a module of its own, so that no file of this project changes.
  const { Dir: folder } = JSON.parse(await run('go', ['mod', 'download', '-json', operator])) as { Dir: string };
  const file = join(folder, 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml');
  // The client renames fields of kinds that it knows, such as x-kubernetes-int-or-string.
  const text = (await readFile(file, 'utf8')).replace(/^kind: .*$/m, '');
  const body = { kind: 'CustomResourceDefinition', ...((await parseYaml(text)) as object) };
  await api.request('POST', definitions, { body });
  await eventually(() =>
    api.request('GET', '/apis/monitoring.coreos.com/v1/podmonitors').then(
      () => true,
      () => false,
    ),
  );
}
