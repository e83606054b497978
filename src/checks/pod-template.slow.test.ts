import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type DoctorSetting, setUp, startDoctorSetting } from '../../test/support/doctor-setting.ts';
import { runCli } from '../../test/support/run-cli.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

/** A runner of a cluster that does not respond, on a machine whose engine is ready. */
async function setUpWith(template: string) {
  await using undo = new AsyncDisposableStack();
  const files = ['kubeconfig', 'pod.yaml'];
  const patient = undo.use(await setUp(setting, { runner: { runtime: 'kubernetes' } }));
  const [kubeconfig = '', podTemplate = ''] = files.map((name) => join(patient.dir.path, name));
  const cluster = { name: 'c', cluster: { server: 'https://127.0.0.1:1' } };
  const context = { name: 'c', context: { cluster: 'c', user: 'u', namespace: 'agents' } };
  const users = [{ name: 'u', user: { token: 'x' } }];
  await writeFile(
    kubeconfig,
    JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'c' }),
  );
  await writeFile(podTemplate, template);
  const env = {
    PLAN42_KUBERNETES_KUBECONFIG: kubeconfig,
    PLAN42_KUBERNETES_POD_TEMPLATE: podTemplate,
    PATH: join(setting.apple.state.dir, 'bin'),
    HOME: patient.dir.path,
  };
  const owned = undo.move();
  return {
    /** The findings about the runtime, and all that was printed. */
    check: async (...command: string[]) => {
      const { stdout } = await runCli(['runner', ...command, '-c', patient.configFile, '--json'], { env });
      const { checks = [], findings = [] } = JSON.parse(stdout) as {
        checks?: { name: string; found: string[] }[];
        findings?: { subject: string; message: string }[];
      };
      const ofDoctor = checks.find(({ name }) => name === 'runtime')?.found ?? [];
      const ofValidate = findings.filter(({ subject }) => subject === 'runner.runtime').map(({ message }) => message);
      return { found: [...ofDoctor, ...ofValidate], stdout };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

suite('the pod template of a cluster', () => {
  for (const command of [
    ['doctor', '--quick'],
    ['config', 'validate'],
  ]) {
    test(`${command.join(' ')} warns of what it opens, also without the cluster, and of no other engine`, async () => {
      await using machine = await setUpWith('spec: { hostNetwork: true }');
      const { found, stdout } = await machine.check(...command);
      assert.match(found[0] ?? '', /^kubernetes is not ready: cannot reach the cluster/);
      assert.deepEqual(found.slice(1), [
        'kubernetes.pod_template sets hostNetwork: true: agents have the network of the node, with all that listens on its loopback',
      ]);
      assert.match(stdout, /Remove it from \S+pod\.yaml if agents do not need it\./);
      assert.doesNotMatch(stdout, /which is ready|also ready/);
    });

    test(`${command.join(' ')} fails if it cannot be used`, async () => {
      await using machine = await setUpWith('spec: { restartPolicy: Always }');
      const { found, stdout } = await machine.check(...command);
      assert.deepEqual(found.length, 1);
      assert.match(
        found[0] ?? '',
        /^kubernetes is not ready: cannot use kubernetes\.pod_template \S+pod\.yaml: it changes/,
      );
      assert.match(stdout, /Remove restartPolicy from the file\./);
    });
  }
});
