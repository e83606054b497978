/** `plan42 agent build` with real engines, from a base in a real registry. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { builderGateway, pushAgentBase } from './support/agent-base.ts';
import { busyboxLayer, programLayer } from './support/engines/images.ts';
import { run } from './support/engines/processes.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { programPackage, startNpmRegistry } from './support/npm-registry.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');

let base: Promise<string> | undefined;

/** An image with a shell, Node.js and git, and without a package manager. */
async function pushBase(registry: string, dir: string): Promise<string> {
  const git = (await run('sh', ['-c', 'command -v git'])).trim();
  const layers = await Promise.all([busyboxLayer(dir), programLayer(dir, [process.execPath, git, '/usr/bin/env'])]);
  const env = [`PATH=${dirname(process.execPath)}:/usr/bin:/bin`];
  return pushImage({ registry, repository: 'test/base', tag: 'v1', layers, env, signal: AbortSignal.timeout(60_000) });
}

async function setUp(t: TestContext, name: 'docker' | 'podman') {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const dir = await makeTempDir();
  base ??= pushBase(engines.registry, dir.path);
  // Not the authorities of this machine.
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir.path, NODE_EXTRA_CA_CERTS: '', ...engines[name].env };
  const tag = `localhost/test-agent-${randomUUID()}:latest`;
  const recipe = join(dir.path, '.config/plan42/images', tag.slice('localhost/'.length, -':latest'.length));
  const image = await base;
  return {
    tag,
    base: image,
    file: join(recipe, 'Dockerfile'),
    build: (...args: string[]) => run(plan42, ['agent', 'build', '--engine', name, '--tag', tag, ...args], { env }),
    engine: (...args: string[]) => run(name, args, { env }),
    inside: (command: string) => run(name, ['run', '--rm', '--entrypoint', '/bin/sh', tag, '-c', command], { env }),
    dir,
    /** The image of the dev container, which the agent's image is built on. */
    devcontainer: async () => /^FROM (.*)$/m.exec(await readFile(join(recipe, 'Dockerfile'), 'utf8'))?.[1] ?? '',
    [Symbol.asyncDispose]: async () => {
      await run(name, ['rmi', '--force', tag], { env }).catch(() => {});
      await dir[Symbol.asyncDispose]();
    },
  };
}

// Each mostly waits for its engine.
suite('plan42 agent build', { concurrency: 2 }, () => {
  for (const name of ['docker', 'podman'] as const) {
    suite(name, () => {
      test('builds an image for a custom agent, and again from an edited Dockerfile', async (t) => {
        await using setting = await setUp(t, name);
        if (!setting) return;
        const { build, inside, tag, file } = setting;
        const command = ['--agent', 'custom', '--command', '["sh", "-c", "echo \\"$HOME\\""]', '--base', setting.base];
        assert.equal(await build(...command), `${tag}\n`);
        const found = await inside(
          'id -u; pwd; touch x; printf "%s\\n" "$PLAN42_AGENT_COMMAND" "$PLAN42_AGENT_PROTOCOL" "$HOME"',
        );
        assert.equal(found, '1000\n/workspace\n["sh", "-c", "echo \\"$HOME\\""]\nacp\n/tmp\n');
        // The agent itself runs, and rejects what is no request.
        const error = await inside('echo "{}" | /usr/bin/agent-wrapper 2>&1; echo "exit $?"');
        assert.match(error, /^ERROR: .*\nexit 1\n$/s);

        const written = await readFile(file, 'utf8');
        assert.equal(await build(...command, '--dry-run'), written, 'the same file again');
        await writeFile(file, `${written}RUN head -c 9 /dev/urandom | base64 >random\n`);
        await build('--agent', 'custom', '--command', 'x');
        const random = await inside('cat random');
        await build('--agent', 'custom', '--command', 'x', '--no-cache');
        assert.notEqual(await inside('cat random'), random);
        await assert.rejects(build(...command), /cannot apply --base: you have edited .*Dockerfile/);
        assert.equal(await build('--reset', '--dry-run', ...command), written);
      });

      test('builds an image for an adapter in a file, on the Dockerfile of a dev container', async (t) => {
        await using setting = await setUp(t, name);
        if (!setting) return;
        const adapter = join(setting.dir.path, 'adapter.mjs');
        await writeFile(adapter, 'export default { name: "mine", commandLine: () => ({ command: ["true"] }) };\n');
        const folder = join(setting.dir.path, 'repository/.devcontainer');
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'Dockerfile'), `FROM ${setting.base}\nARG VALUE\nENV OF_DEV=$VALUE\n`);
        const file = join(folder, 'devcontainer.json');
        await writeFile(
          file,
          '// A comment\n{ "build": { "dockerfile": "Dockerfile", "args": { "VALUE": "yes" }, }, }\n',
        );
        await setting.build('--agent', adapter, '--devcontainer', file);
        assert.equal(await setting.inside('echo $OF_DEV'), 'yes\n');
        await setting.engine('rmi', '--force', await setting.devcontainer()).catch(() => {});
        const found = await setting.inside('echo $PLAN42_AGENT; cat /opt/plan42/adapter.mjs');
        assert.match(found, /^\/opt\/plan42\/adapter\.mjs\nexport default \{ name: "mine"/);
      });

      test('names what a base lacks, and what an edited image lost', async (t) => {
        await using setting = await setUp(t, name);
        if (!setting) return;
        const { build, file } = setting;
        const custom = ['--agent', 'custom', '--command', 'x'];
        await assert.rejects(
          build(...custom, '--base', setting.base, '--with', 'jq'),
          /cannot install jq: \S+ has no package manager.*Choose a base/s,
        );
        await assert.rejects(
          build(...custom, '--base', 'localhost/no-such-base'),
          /cannot use the base localhost\/no-such/,
        );
        await build(...custom, '--base', setting.base, '--dry-run');
        await writeFile(file, (await readFile(file, 'utf8')).replace('COPY agent-wrapper', '# COPY agent-wrapper'));
        await assert.rejects(
          build(...custom),
          /cannot run the agent: a program is missing.*git and \/usr\/bin\/agent-wr/s,
        );
      });

      test('trusts the authority of a proxy, and finds a program that is not in PATH', async (t) => {
        await using setting = await setUp(t, name);
        const engines = await requires(t, name, 'docker', 'registry');
        if (!setting || !engines || !(await requiresCommands(t, 'npm', 'openssl'))) return;
        const { build, dir } = setting;
        const host = await builderGateway(engines.docker.env);
        const tls = await makeCertificate(dir.path, host);
        // Another name than in other tests, because podman takes their layers from its cache.
        const packages = [await programPackage(dir.path, 'ca-agent', '#!/usr/bin/env node\n')];
        await using npm = await startNpmRegistry(host, packages, tls);
        const env = [`NPM_CONFIG_REGISTRY=https://${host}:${npm.port}`, 'NPM_CONFIG_PREFIX=/opt/npm'];
        const image = await pushAgentBase(engines.registry, { repository: `test/tls-base-${name}`, env });
        const adapter = join(dir.path, 'ca.mjs');
        await writeFile(adapter, caAdapter);
        const options = ['--agent', adapter, '--base', image];
        await assert.rejects(build(...options), /Name the certificate authority of your proxy with --ca-file/);
        await assert.rejects(
          build(...options, '--ca-file', tls.file),
          /ca-agent is not in PATH, but in \/opt\/npm\/bin\. Add "ENV PATH=\/opt\/npm\/bin:\$PATH" to .*Dockerfile/,
        );
        await writeFile(setting.file, `${await readFile(setting.file, 'utf8')}ENV PATH=/opt/npm/bin:$PATH\n`);
        await build('--agent', adapter);
        assert.equal(await setting.inside('ca-agent; echo "$NODE_EXTRA_CA_CERTS"'), '\n');
      });
    });
  }
});

const caAdapter = `export default {
  name: 'ca',
  packages: { npm: ['ca-agent'] },
  commandLine: () => ({ command: ['ca-agent'] }),
};
`;

/** A certificate for an address, which is its own authority. */
async function makeCertificate(dir: string, address: string) {
  const [key, file] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=A proxy', '-addext', `subjectAltName=IP:${address}`];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  await run('openssl', ['req', '-x509', '-days', '2', ...newKey, ...subject, '-out', file]);
  return { file, cert: await readFile(file, 'utf8'), key: await readFile(key, 'utf8') };
}
