/**
 * Files of the servers of package managers: a folder for each host. Each repository has one package, `greeting`,
 * in the format of the real one.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../engines/processes.ts';

/** Texts that a project needs. */
export interface Repositories {
  packageLock: string;
  goSum: string;
}

const digest = (algorithm: string, content: string | Buffer, encoding: 'hex' | 'base64' = 'hex') =>
  createHash(algorithm).update(content).digest(encoding);

async function write(file: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** @param www gets a folder for each host; @param work is for files that are packed */
export async function makeRepositories(www: string, work: string): Promise<Repositories> {
  const [packageLock, goSum] = await Promise.all([
    npm(join(www, 'registry.npmjs.org'), join(work, 'npm')),
    goModules(join(www, 'proxy.golang.org'), join(work, 'go')),
    python(www, join(work, 'python')),
    debian(join(www, 'deb.debian.org/debian'), join(work, 'debian')),
    write(join(www, 'github.com/hello.txt'), 'hello\n'),
  ]);
  return { packageLock, goSum };
}

async function npm(www: string, work: string): Promise<string> {
  const manifest = { name: 'greeting', version: '1.0.0' };
  await write(join(work, 'package/package.json'), JSON.stringify(manifest));
  await write(join(work, 'package/index.js'), "module.exports = 'hello from npm';\n");
  await mkdir(www, { recursive: true });
  await run('tar', ['--create', '--gzip', '--file', join(work, 'greeting.tgz'), '--directory', work, 'package']);
  const tarball = await readFile(join(work, 'greeting.tgz'));
  const resolved = 'https://registry.npmjs.org/greeting/-/greeting-1.0.0.tgz';
  const integrity = `sha512-${digest('sha512', tarball, 'base64')}`;
  const dist = { tarball: resolved, integrity };
  await write(join(www, 'greeting/-/greeting-1.0.0.tgz'), tarball);
  const packument = {
    name: 'greeting',
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { ...manifest, dist } },
  };
  await write(join(www, 'greeting/index.json'), JSON.stringify(packument));
  const dependencies = { greeting: '1.0.0' };
  const packages = { '': { dependencies }, 'node_modules/greeting': { version: '1.0.0', resolved, integrity } };
  return JSON.stringify({ lockfileVersion: 3, requires: true, packages });
}

/** A simple index, with its files on another host, as that of PyPI. */
async function python(www: string, work: string): Promise<void> {
  const name = 'greeting-1.0.0-py3-none-any.whl';
  const info = join(work, 'greeting-1.0.0.dist-info');
  await write(join(work, 'greeting.py'), "text = 'hello from pip'\n");
  await write(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.0.0\n');
  await write(join(info, 'WHEEL'), 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n');
  await write(join(info, 'RECORD'), 'greeting.py,,\n');
  const meta = ['METADATA', 'WHEEL', 'RECORD'].map((entry) => `greeting-1.0.0.dist-info/${entry}`);
  await zip(work, join(work, name), ['greeting.py', ...meta]);
  const wheel = await readFile(join(work, name));
  await write(join(www, 'files.pythonhosted.org', name), wheel);
  const link = `https://files.pythonhosted.org/${name}#sha256=${digest('sha256', wheel)}`;
  await write(join(www, 'pypi.org/simple/greeting/index.html'), `<!DOCTYPE html><a href="${link}">${name}</a>\n`);
}

async function zip(folder: string, file: string, names: readonly string[]): Promise<void> {
  const script = `import os, sys, zipfile
os.chdir(sys.argv[1])
with zipfile.ZipFile(sys.argv[2], 'w') as archive:
  for name in sys.argv[3:]: archive.write(name)`;
  await run('python3', ['-c', script, folder, file, ...names]);
}

async function debian(www: string, work: string): Promise<void> {
  const control = 'Package: greeting\nVersion: 1.0.0\nArchitecture: all\nMaintainer: Test <test@example.com>\n';
  await write(join(work, 'DEBIAN/control'), `${control}Description: says hello\n`);
  await write(join(work, 'usr/share/greeting.txt'), 'hello from apt\n');
  const file = join(work, '../greeting.deb');
  await run('dpkg-deb', ['--build', '--root-owner-group', work, file]);
  const deb = await readFile(file);
  const path = 'pool/main/g/greeting/greeting_1.0.0_all.deb';
  await write(join(www, path), deb);
  const about = `Filename: ${path}\nSize: ${deb.length}\nSHA256: ${digest('sha256', deb)}\nDescription: says hello\n`;
  const packages = `${control}${about}\n`;
  const architecture = (await run('dpkg', ['--print-architecture'])).trim();
  const index = `main/binary-${architecture}/Packages`;
  await write(join(www, 'dists/stable', index), packages);
  const release = `Origin: Debian\nSuite: stable\nCodename: stable\nArchitectures: ${architecture}\nComponents: main
Date: ${new Date().toUTCString()}\nSHA256:\n ${digest('sha256', packages)} ${packages.length} ${index}\n`;
  await write(join(www, 'dists/stable/Release'), release);
}

const goModule = 'example.com/greeting';

/** Returns the lines of `go.sum`, with which the command asks no database of checksums. */
async function goModules(www: string, work: string): Promise<string> {
  const mod = `module ${goModule}\n\ngo 1.19\n`;
  const prefix = `${goModule}@v1.0.0`;
  const files = { 'go.mod': mod, 'greeting.go': 'package greeting\n\nconst Text = "hello from go"\n' };
  for (const [name, content] of Object.entries(files)) await write(join(work, prefix, name), content);
  const archive = join(work, 'v1.0.0.zip');
  await zip(
    work,
    archive,
    Object.keys(files).map((name) => join(prefix, name)),
  );
  const at = join(www, goModule, '@v');
  await write(join(at, 'v1.0.0.zip'), await readFile(archive));
  await write(join(at, 'v1.0.0.info'), JSON.stringify({ Version: 'v1.0.0', Time: '2026-01-01T00:00:00Z' }));
  await write(join(at, 'v1.0.0.mod'), mod);
  await write(join(at, 'list'), 'v1.0.0\n');
  const sum = (names: Record<string, string>) => {
    const lines = Object.entries(names).map(([name, content]) => `${digest('sha256', content)}  ${name}\n`);
    return `h1:${digest('sha256', lines.join(''), 'base64')}`;
  };
  const all = Object.fromEntries(Object.entries(files).map(([name, content]) => [`${prefix}/${name}`, content]));
  return `${goModule} v1.0.0 ${sum(all)}\n${goModule} v1.0.0/go.mod ${sum({ 'go.mod': mod })}\n`;
}
