/** The packages, installed on a machine with only the C library, on Debian without Node.js, and by npm. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { buildInfo } from '../scripts/build/version.ts';
import { buildExecutable } from '../scripts/package/executable.ts';
import { buildImage } from '../scripts/package/image/image.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { assertWallStands } from './support/package-wall.ts';
import { requiresCommands } from './support/requires-command.ts';
import { SystemdMachine } from './support/systemd/machine.ts';
import { makeTempDir, type TempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');
const packages = join(root, 'dist/packages');
const versionText = /^\d+\.\d+\.\d+\S* \(([0-9a-f]{9}, )?linux-\w+, Node\.js 26\.\S+\)\n$/;

const config = `
[runner]
url = "http://127.0.0.1:7042"
runtime = "host"

[host]
unisolated = true
command = ["/usr/bin/plan42", "sample-agent"]

[queues]
drain_time = "1s"
poll_wait = "2s"
`;

suite('packages', { timeout: 600_000 }, () => {
  let dir: TempDir;
  let names: string[];
  let machine: SystemdMachine | undefined;
  let ready = false;

  before(async () => {
    dir = await makeTempDir();
  });
  after(async () => {
    await machine?.[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const named = (pattern: RegExp) => {
    const name = names.find((candidate) => pattern.test(candidate));
    assert.ok(name, `${pattern} is missing in ${names.join()}`);
    return join(packages, name);
  };

  test('are built with their checksums', async (t) => {
    if (process.platform !== 'linux') return t.skip('packages are built on Linux');
    if (!(await requiresCommands(t, 'patchelf', 'strip', 'dpkg-deb', 'npm'))) return;
    // A strict umask must not make installed files unreadable.
    await run('sh', ['-c', 'umask 077; exec "$0" "$1"', process.execPath, join(root, 'scripts/package.ts')]);
    names = await readdir(packages);
    const sums = await readFile(named(/^SHA256SUMS-linux-/), 'utf8');
    assert.deepEqual(
      sums.match(/(?<= {2}).+$/gm)?.toSorted(),
      names.filter((name) => !name.startsWith('SHA256SUMS')).toSorted(),
    );
    ready = true;
  });

  test('the tarball needs only the C library', async (t) => {
    const engines = await requires(t, 'podman');
    if (!engines || !ready) return t.skip();
    const { env } = engines.podman;
    const rootfs = join(dir.path, 'rootfs');
    const share = join(rootfs, 'opt/share');
    await mkdir(share, { recursive: true });
    await chmod(share, 0o700);
    await run('tar', ['-xzf', named(/^plan42-.*\.tar\.gz$/), '-C', join(rootfs, 'opt'), '--strip-components=1']);
    assert.equal((await stat(share)).mode & 0o777, 0o700, 'the mode of an existing folder changed');
    assert.match(await run('tar', ['-tvzf', named(/\.tar\.gz$/)]), /^drwxr-xr-x .*\/lib\/plan42\/$/m);
    const linked = await run('ldd', [join(rootfs, 'opt/bin/plan42')]);
    const system = [...linked.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path);
    for (const path of system.filter((library) => !/stdc\+\+|gcc|atomic/.test(library))) {
      await mkdir(dirname(join(rootfs, path)), { recursive: true });
      await copyFile(path, join(rootfs, path));
    }
    const archive = join(dir.path, 'rootfs.tar');
    await run('tar', ['-cf', archive, '-C', rootfs, '.']);
    await run('podman', ['import', archive, 'localhost/plan42-libc-only'], { env });
    const inside = (...command: string[]) =>
      run('podman', ['run', '--rm', '--network', 'none', 'localhost/plan42-libc-only', ...command], { env });
    assert.match(await inside('/opt/bin/plan42', '--version'), versionText);
    assert.match(await inside('/opt/bin/plan42-runner', '--version'), versionText);
    assert.match(await inside('/opt/bin/plan42-runner-config', '--help'), /^Usage: plan42-runner-config /);
    assert.match(await inside('/opt/bin/plan42', 'runner', 'exec', '--help'), /^Usage: plan42-runner /);
  });

  test('the image has the same bytes again, no root user, and works without a writable root', async (t) => {
    const engines = await requires(t, 'podman');
    if (!engines || !ready) return t.skip();
    const { env } = engines.podman;
    const archive = named(/^plan42-runner-.*\.oci\.tar$/);
    const tree = join(dir.path, 'rootfs/opt');
    const options = { executable: join(tree, 'bin/plan42'), staging: join(dir.path, 'image'), output: dir.path };
    const again = await buildImage(tree, { ...options, info: await buildInfo(root) });
    assert.ok((await readFile(again)).equals(await readFile(archive)));
    const [, image = ''] = /Loaded image: (\S+)/.exec(await run('podman', ['load', '--input', archive], { env })) ?? [];
    const inside = (entrypoint: string, ...args: string[]) => {
      const options = ['--rm', '--read-only', '--network', 'none', '--entrypoint', `/usr/bin/${entrypoint}`];
      return run('podman', ['run', ...options, image, ...args], { env });
    };
    assert.match(await inside('plan42-runner', '--version'), versionText);
    assert.match(await inside('plan42', 'runner', 'exec', '--help'), /^Usage: plan42-runner /);
    const user = await run('podman', ['image', 'inspect', '--format', '{{.Config.User}}', image], { env });
    assert.equal(user.trim(), '65532:65532');
    const layout = await run('tar', ['-xOf', archive, 'index.json']);
    assert.equal(JSON.parse(layout).manifests[0].platform.os, 'linux');
  });

  test('a runner of the tarball builds the wall around a job', async (t) => {
    if (!ready) return t.skip();
    await assertWallStands(t, [join(dir.path, 'rootfs/opt/bin/plan42')]);
  });

  test('a runner of the Debian package builds the wall around a job', async (t) => {
    if (!ready) return t.skip();
    const root = join(dir.path, 'debian-root');
    await run('dpkg-deb', ['--extract', named(/\.deb$/), root]);
    await assertWallStands(t, [join(root, 'usr/bin/plan42')]);
  });

  test('notices and the bill of materials list all components', async (t) => {
    if (!ready) return t.skip();
    const doc = join(dir.path, 'rootfs/opt/share/doc/plan42');
    const debian = join(dir.path, 'debian');
    await run('dpkg-deb', ['--extract', named(/\.deb$/), debian]);
    // In place of the Go runner’s package, whose last version was 1.0.64.
    const fields = await run('dpkg-deb', ['--field', named(/\.deb$/), 'Conflicts', 'Replaces', 'Provides', 'Version']);
    assert.match(fields, /^Conflicts: plan42-cli\nReplaces: plan42-cli\nProvides: plan42-cli$/m);
    const version = /^Version: (\S+)$/m.exec(fields)?.[1] ?? '';
    await run('dpkg', ['--compare-versions', version, 'gt', '1.0.64']);
    const debianDoc = join(debian, 'usr/share/doc/plan42');

    for (const [sbomFile, noticesFile, hasLibraries] of [
      [join(doc, 'sbom.cdx.json'), join(doc, 'THIRD-PARTY-NOTICES.txt'), true],
      [join(debianDoc, 'sbom.cdx.json'), join(debianDoc, 'copyright'), false],
    ] as const) {
      const sbom = JSON.parse(await readFile(sbomFile, 'utf8'));
      const notices = await readFile(noticesFile, 'utf8');
      const components: { name: string; version: string }[] = sbom.components;
      const packages = notices.matchAll(/^(@?[a-z][\w./-]*) (\d+\.\d+\.\d+) \([A-Z]/gm);
      const noticed = [...packages].map(([, name, version]) => `${name}@${version}`);
      assert.ok(noticed.length > 50, noticed.join());
      const others = hasLibraries ? 2 : 1;
      assert.deepEqual(
        components
          .slice(0, -others)
          .map(({ name, version }) => `${name}@${version}`)
          .toSorted(),
        noticed.toSorted(),
      );
      const node = components.at(-others);
      assert.equal(`${node?.name} ${node?.version}`, `node ${process.versions.node}`);
      assert.equal(sbom.metadata.component.name, 'plan42');
      assert.match(notices, /^Node\.js 26\./m);
      assert.match(await readFile(join(dirname(sbomFile), 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0/);
      assert.equal(notices.includes('GCC RUNTIME LIBRARY EXCEPTION'), hasLibraries);
      assert.equal(/GNU GENERAL PUBLIC LICENSE\s+Version 3/.test(notices), hasLibraries);
    }
  });

  test('the executable contains no source paths', async (t) => {
    if (!ready) return t.skip();
    const executable = await readFile(join(dir.path, 'rootfs/opt/bin/plan42'), 'latin1');
    assert.equal(executable.includes(root), false, 'the path of the checkout');
    assert.ok(executable.includes('plan42-agent.mjs'), 'the agent of images is inside');
    // Node.js contains paths of its own sources. Only those of the checkout exist.
    const names = executable.match(/(?:src|examples|scripts|node_modules)\/[\w@./-]+\.[jt]sx?/g) ?? [];
    assert.deepEqual(
      names.filter((name) => existsSync(join(root, name))),
      [],
    );
  });

  test('the executable prefers the libraries of the system', async (t) => {
    if (!ready) return t.skip();
    const tarball = join(dir.path, 'rootfs/opt');
    const copy = join(dir.path, 'other-libraries');
    await mkdir(join(copy, 'bin'), { recursive: true });
    await mkdir(join(copy, 'lib/plan42'), { recursive: true });
    await link(join(tarball, 'bin/plan42'), join(copy, 'bin/plan42'));
    // Like libraries of a newer system, these cannot be loaded.
    for (const name of await readdir(join(tarball, 'lib/plan42')))
      await writeFile(join(copy, 'lib/plan42', name), 'for another system');
    assert.match(await run(join(copy, 'bin/plan42'), ['--version']), versionText);
  });

  test('the executable is reproducible', async (t) => {
    if (!ready) return t.skip();
    const again = await buildExecutable(join(dir.path, 'elsewhere'));
    assert.ok((await readFile(again.path)).equals(await readFile(join(dir.path, 'rootfs/opt/bin/plan42'))));
  });

  test('the executable prints no warning of Node.js', async (t) => {
    if (!ready) return t.skip();
    const output = await run('sh', ['-c', '"$0" --help 2>&1 >/dev/null', join(dir.path, 'rootfs/opt/bin/plan42')]);
    assert.equal(output, '');
  });

  test('the npm package works with npx', async (t) => {
    if (!ready) return t.skip();
    const env = { npm_config_cache: join(dir.path, 'npm'), npm_config_update_notifier: 'false' };
    const tarball = named(/^plan42-cli-.*\.tgz$/);
    const modes = new Set((await run('tar', ['-tvzf', tarball])).match(/^\S+/gm));
    assert.deepEqual([...modes].toSorted(), ['-rw-r--r--', '-rwxr-xr-x']);
    for (const command of ['plan42', 'plan42-runner', 'plan42-runner-config']) {
      const args = ['exec', '--offline', '--yes', `--package=${tarball}`, '--', command, '--version'];
      assert.match(await run('npm', args, { env }), versionText);
    }
  });

  test('the Debian package does the main job on a machine without Node.js', async (t) => {
    if (!ready) return t.skip();
    machine = await SystemdMachine.boot(t, ['/mnt/checkout']);
    if (!machine) return;
    const m = machine;
    const ann = (...command: string[]) => m.must(command, { as: 'ann' });
    assert.notEqual((await m.run(['sh', '-c', 'command -v node'])).exitCode, 0);
    await m.must(['dpkg', '--install', named(/\.deb$/).replace(root, '/mnt/checkout')]);
    await m.must(['useradd', '--create-home', '--shell', '/bin/bash', 'ann']);
    await m.must(['loginctl', 'enable-linger', 'ann']);
    await eventually(async () => (await m.run(['systemctl', 'is-active', 'user@1000'])).exitCode === 0);

    assert.match(await ann('plan42', '--version'), versionText);
    await m.must(['systemd-run', '--unit=server', '--uid=ann', '--setenv=HOME=/home/ann', 'plan42', 'server', 'start']);
    await eventually(async () => (await m.run(['test', '-e', '/home/ann/.local/share/plan42-server'])).exitCode === 0);
    await m.writeFile('/home/ann/.config/plan42-runner.toml', config, { as: 'ann' });
    const token = await eventually(async () => {
      const { exitCode, stdout } = await m.run(['plan42', 'server', 'token', 'create'], { as: 'ann' });
      return exitCode === 0 && stdout.trim();
    });
    await ann('sh', '-c', 'printf %s "$1" | plan42 runner config set runner.token', 'sh', token);
    assert.match(await ann('plan42', 'runner', 'enable'), /^Started the runner/);
    const names = (await m.must(['sh', '-c', 'cat /proc/[0-9]*/comm'])).split('\n');
    for (const name of ['plan42-runner', 'plan42 server']) assert.ok(names.includes(name), names.join());
    const task = ['task', 'create', '--image', 'any/agent', '--prompt', 'How many words are these?', '--follow'];
    assert.match(await ann('plan42', 'server', ...task), /Your prompt has 5 words in 1 line\./);
    assert.match(await ann('plan42', 'runner', 'job', 'list', '-a'), /plan42-[0-9a-f-]{36}-1/);
    assert.match(await ann('plan42', 'runner', 'doctor'), /^ok +Service /m);
    await ann('plan42', 'runner', 'disable');

    await m.must(['dpkg', '--remove', 'plan42']);
    const left = await m.must([
      'find',
      '/',
      '-xdev',
      '-name',
      '*plan42*',
      '-not',
      '-path',
      '/mnt/*',
      '-not',
      '-path',
      '/proc/*',
    ]);
    const outside = left.split('\n').filter((path) => path !== '' && !path.startsWith('/home/ann/'));
    // dpkg keeps its list of removed files until --purge.
    assert.deepEqual(
      outside.filter((path) => !path.startsWith('/var/lib/dpkg/') && !path.startsWith('/tmp/')),
      [],
    );
    assert.match(left, /^\/home\/ann\/\.config\/plan42-runner\.toml$/m);
  });
});
