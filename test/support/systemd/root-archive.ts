import { createHash } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../engines/processes.ts';

// The last two are for Node.js.
const packages = [
  'ca-certificates',
  'systemd',
  'systemd-sysv',
  'dbus-user-session',
  'libpam-systemd',
  'procps',
  'libatomic1',
  'libstdc++6',
];
const leftOut = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];

/**
 * A root file system with systemd, made of Debian's packages from where apt gets them: a tar archive, kept among what the
 * build leaves until `make clean`.
 */
export async function systemdRootArchive(signal: AbortSignal): Promise<string> {
  const mirror = await aptMirror();
  const contents = createHash('sha256').update(packages.join()).digest('hex').slice(0, 8);
  const path = join(import.meta.dirname, `../../../dist/test/systemd-${mirror.codename}-${contents}.tar`);
  if (await isThere(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.tar`;
  try {
    const exclusions = leftOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`);
    const include = `--include=${packages.join(',')}`;
    const args = ['--variant=essential', include, ...exclusions, mirror.codename, unfinished, mirror.url];
    await run('mmdebstrap', args, { signal });
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}

async function aptMirror(): Promise<{ url: string; codename: string }> {
  const format = '$(REPO_URI) $(CODENAME) $(ORIGIN) $(LABEL) $(COMPONENT)';
  const lines = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  // Without the suites for updates, which build on this one.
  const match = /^(\S+) ([a-z]+) Debian Debian main$/m.exec(lines);
  if (match?.[1] === undefined || match[2] === undefined) throw new Error('apt knows no mirror of Debian');
  return { url: match[1], codename: match[2] };
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
