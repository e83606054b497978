/** Compiles the programs in C, most of them the first ones of containers, and puts them into a bundle. Linux only. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, glob, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import type { Plugin } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const system = 'src/lib/c/system.c';
const sources = {
  // Of containers behind the wall.
  init: ['src/wall/init/*.c', system],
  // Of pods behind the wall.
  'pod-init': [
    'src/wall/pod-init/*.c',
    'src/wall/init/{detach,filter,forward,init,interfaces,mounts,probe,refuse}.c',
    system,
  ],
  // Of pods.
  start: ['src/runtimes/kubernetes/manifest/start/*.c', system],
  // Copies the output of jobs on this machine.
  'log-copier': ['src/shim/log-copier/*.c', system],
} as const;
type Program = keyof typeof sources;
/** The functions of the modules in whose place the programs are. */
const readers = {
  init: 'readInitProgram',
  'pod-init': 'readPodInitProgram',
  start: 'readStartProgram',
  'log-copier': 'readLogCopier',
} as const;
const output = join(root, 'dist/wall');

const flags = [
  ...['-std=gnu17', '-Os', '-Wall', '-Wextra', '-Werror'],
  // Without a C library: see src/lib/c/system.h.
  ...['-ffreestanding', '-fno-builtin', '-nostdlib', '-static', '-no-pie', '-fno-pic', '-fno-stack-protector'],
  // Nothing that the program does not use, so that it is small, and the same bytes each time.
  ...['-fno-asynchronous-unwind-tables', '-fno-ident', '-ffunction-sections', '-s'],
  ...['--gc-sections', '--build-id=none', '-z,noseparate-code', '-z,noexecstack'].map((option) => `-Wl,${option}`),
];

/** Both are on the same machine only if its cross-compiler is installed, which packages need. */
export const wallArchitectures = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' } as const;
type WallArchitecture = keyof typeof wallArchitectures;

/** Compiles the program; returns its path. Undefined if there is no compiler for another architecture than this machine's. */
async function compile(program: Program, architecture: WallArchitecture): Promise<string | undefined> {
  const isOwn = architecture === process.arch;
  const compiler = isOwn ? 'cc' : wallArchitectures[architecture];
  const path = join(output, `${program}-${architecture}`);
  // Packages are built while other processes read the program: it is replaced as a whole, with a mode for every user.
  const made = `${path}.${randomUUID()}`;
  const files = await Array.fromAsync(glob(sources[program], { cwd: root }));
  try {
    await promisify(execFile)(compiler, [...flags, ...files.toSorted(), '-o', made], { cwd: root });
    await chmod(made, 0o755);
    await rename(made, path);
    return path;
  } catch (error) {
    await rm(made, { force: true });
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    if (isOwn) throw new Error(`cannot compile ${sources[program][0]}: there is no cc. Install gcc.`, { cause: error });
    return undefined;
  }
}

/** Compiles a program for all architectures for which there is a compiler. */
async function compileAll(program: Program): Promise<Partial<Record<WallArchitecture, string>>> {
  if (process.platform !== 'linux') return {};
  await mkdir(output, { recursive: true });
  const paths: Partial<Record<WallArchitecture, string>> = {};
  for (const architecture of Object.keys(wallArchitectures) as WallArchitecture[]) {
    const path = await compile(program, architecture);
    if (path !== undefined) paths[architecture] = path;
  }
  return paths;
}

/** Embeds the programs in a bundle. @param required for packages that run on machines with any architecture */
export function wallInside({ required = false } = {}): Plugin {
  return {
    name: 'wall-inside',
    setup: (bundle) =>
      bundle.onLoad(
        { filter: /[\\/](wall[\\/](pod-)?init|manifest[\\/]start|shim[\\/]log-copier)-program\.ts$/ },
        async ({ path: file }) => {
          const program = basename(file, '-program.ts') as Program;
          const programs: Record<string, string> = {};
          for (const [architecture, path] of Object.entries(await compileAll(program)))
            programs[architecture] = brotliCompressSync(await readFile(path)).toString('base64');
          for (const [architecture, compiler] of Object.entries(wallArchitectures))
            if (required && process.platform === 'linux' && programs[architecture] === undefined)
              throw new Error(
                `cannot compile ${sources[program][0]} for ${architecture}: there is no ${compiler}. Run .ci/install.`,
              );
          const contents = `import { brotliDecompressSync } from 'node:zlib';
const programs = ${JSON.stringify(programs)};
export async function ${readers[program]}(architecture) {
  const program = programs[architecture];
  return program && brotliDecompressSync(Buffer.from(program, 'base64'));
}
`;
          return { contents, loader: 'js' };
        },
      ),
  };
}
