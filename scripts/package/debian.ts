/** Builds the Debian package: the tree below /usr and a systemd user unit, without libraries. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runnerService } from '../../src/service/services.ts';
import { renderUnit } from '../../src/service/systemd-unit.ts';
import type { BuildInfo } from '../build/version.ts';
import type { Executable } from './executable.ts';
import { makeReadable } from './modes.ts';
import { run } from './run.ts';
import { buildTree } from './tree.ts';

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

// For "systemctl --user enable plan42-runner". The unit that "plan42 runner enable" writes for one user overrides it.
const service = {
  command: ['/usr/bin/plan42-runner'] as const,
  environment: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin' },
  stopTimeoutMs: 5 * 60_000,
  errorFile: '',
};

const ownLicence = `plan42 is distributed under the Apache License, Version 2.0:
/usr/share/common-licenses/Apache-2.0

It contains the following software:

`;

/** Returns the path of the package. */
export async function buildDebianPackage(
  executable: Executable,
  { staging, output, info }: { staging: string; output: string; info: BuildInfo },
): Promise<string> {
  const usr = join(staging, 'usr');
  const doc = join(usr, 'share/doc/plan42');
  await buildTree(usr, executable, { withLibraries: false });
  await writeFile(join(doc, 'copyright'), ownLicence + (await readFile(join(doc, 'THIRD-PARTY-NOTICES.txt'), 'utf8')));
  await rm(join(doc, 'THIRD-PARTY-NOTICES.txt'));
  await mkdir(join(usr, 'share/zsh/vendor-completions'), { recursive: true });
  await rename(join(usr, 'share/zsh/site-functions/_plan42'), join(usr, 'share/zsh/vendor-completions/_plan42'));
  await rm(join(usr, 'share/zsh/site-functions'), { recursive: true });

  const manual = join(usr, 'share/man/man1');
  // Debian requires compressed man pages. No name and time, for reproducible bytes.
  await run('gzip', ['--best', '--no-name', ...(await readdir(manual)).map((name) => join(manual, name))]);
  await mkdir(join(usr, 'lib/systemd/user'), { recursive: true });
  await writeFile(
    join(usr, 'lib/systemd/user', runnerService.unitName),
    renderUnit(runnerService, { ...service, version: info.version }),
  );

  const architecture = architectures[process.arch] ?? process.arch;
  // A tilde sorts first, so a development build is older than the release with the same number.
  const version = info.version
    .replace('-', /^\d+(\.\d+){2}-\d+$/.test(info.version) ? '+' : '~')
    .replaceAll(/[^\w.+~]/g, '.');
  await mkdir(join(staging, 'DEBIAN'));
  await writeFile(join(staging, 'DEBIAN/control'), control({ version, architecture, kib: await kibOf(usr) }));
  await makeReadable(staging);
  const file = join(output, `plan42_${version}_${architecture}.deb`);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(info.commitTime) };
  await run('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', '-z3', staging, file], { env });
  return file;
}

function control({ version, architecture, kib }: { version: string; architecture: string; kib: number }): string {
  return `Package: plan42
Version: ${version}
Architecture: ${architecture}
Maintainer: The Plan42 CLI maintainers <plan42-cli@users.noreply.github.com>
Section: devel
Priority: optional
Installed-Size: ${kib}
Depends: libc6 (>= 2.28), libstdc++6 (>= 9), libgcc-s1, libatomic1
Conflicts: plan42-cli
Replaces: plan42-cli
Provides: plan42-cli
Suggests: podman | docker.io | docker-ce, bash-completion
Description: runs AI agent tasks on your own machines
 Plan42 gives coding tasks to AI agents. This runner polls a Plan42 server for
 messages that only it can decrypt, and runs each agent in a container of its
 own, next to your private repositories. A small control plane is built in.
`;
}

async function kibOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024);
}
