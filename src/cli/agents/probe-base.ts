/** Finds out what an image has, by a container of it. */
import { UserError } from '../../lib/errors.ts';
import type { BuildEngine } from './build-engine.ts';

export const packageManagers = ['apt-get', 'apk', 'dnf', 'microdnf', 'yum', 'zypper'] as const;
export type PackageManager = (typeof packageManagers)[number];

export interface Base {
  image: string;
  /** Undefined if it has none that we know. */
  packageManager: PackageManager | undefined;
  /** The major version of Node.js, if it has one. */
  node: number | undefined;
  /** Why its Node.js does not start. Undefined if it starts, or there is none. */
  nodeProblem: string | undefined;
  programs: ReadonlySet<string>;
  /** The user with the ID 1000, if there is one. */
  user: { name: string; home: string } | undefined;
}

const programs = ['npm', 'git', 'bash', 'python3'];
/** For a shell without any other programs than sed. */
export const probeScript = [
  `for each in ${[...packageManagers, ...programs].join(' ')}; do`,
  'command -v "$each" >/dev/null 2>&1 && echo "has $each"; done',
  'if node --version >/dev/null 2>&1; then node --version 2>/dev/null | sed "s/^v/node /"',
  'elif command -v node >/dev/null 2>&1; then node --version 2>&1 | sed "s/^/nodeProblem /"; fi',
  "sed -n 's/^\\([^:]*\\):[^:]*:1000:[^:]*:[^:]*:\\([^:]*\\).*/user \\1 \\2/p' /etc/passwd 2>/dev/null",
  'echo end',
].join('\n');

/** @throws UserError if the image is missing or has no shell */
export async function probeBase(engine: BuildEngine, image: string): Promise<Base> {
  const args = ['run', '--rm', '--network', 'none', '--user', '0', '--entrypoint', '/bin/sh', image, '-c', probeScript];
  const { exitCode, stdout, error } = await engine.run(args);
  if (exitCode !== 0 || !stdout.includes('\nend')) {
    throw new UserError(`cannot use the base ${image}: ${error}`, {
      remedy: 'Choose an image with a shell, that exists, with --base. Log in to its registry if it is private.',
    });
  }
  return parseProbe(image, stdout);
}

export function parseProbe(image: string, output: string): Base {
  const lines = output.split('\n').map((line) => line.split(' '));
  const has = new Set(lines.flatMap(([kind, name = '']) => (kind === 'has' ? [name] : [])));
  const version = Number.parseInt(lines.find(([kind]) => kind === 'node')?.[1] ?? '', 10);
  const problem = output.split('\n').findLast((line) => line.startsWith('nodeProblem '));
  const hasNode = !Number.isNaN(version);
  const [, name, home] = lines.find(([kind]) => kind === 'user') ?? [];
  return {
    image,
    packageManager: packageManagers.find((each) => has.has(each)),
    node: hasNode ? version : undefined,
    nodeProblem: hasNode ? undefined : problem?.slice('nodeProblem '.length),
    programs: has,
    user: name === undefined ? undefined : { name, home: home?.startsWith('/') ? home : '/' },
  };
}
