/** Builds the single executable: Node.js with the bundle inside. */
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import licenses from 'esbuild-plugin-license';
import { agentOptions, executableOptions } from '../build/bundle.ts';
import { codeCacheFlags, nodeFlags } from '../build/node-flags.ts';
import { bundlePage } from '../build/page.ts';
import { libraryFolders } from './native-libraries.ts';
import { buildPrograms, withoutModuleNames } from './programs.ts';
import { run } from './run.ts';

export interface Executable {
  path: string;
  /** Path of the licence notices of the bundled packages. */
  notices: string;
  /** The bundled packages, as `name@version`. */
  packages: ReadonlySet<string>;
}

// File names without a folder, because they are stored in the executable.
const seaConfig = {
  main: 'plan42-single.mjs',
  mainFormat: 'module',
  executable: 'node',
  output: 'plan42',
  disableExperimentalSEAWarning: true,
  useCodeCache: true,
  execArgv: nodeFlags,
  // Ignores NODE_OPTIONS, which is meant for other programs.
  execArgvExtension: 'none',
};

/** Builds `folder/plan42` for this platform, with the running Node.js. */
export async function buildExecutable(folder: string): Promise<Executable> {
  await mkdir(folder, { recursive: true });
  const bundled = new BundledPackages();
  const options = await executableOptions();
  await bundlePage([bundled.collect(join(folder, 'page-packages.txt'))]);
  await build({
    ...options,
    entryPoints: { 'plan42-single': 'src/bin/plan42-single.ts' },
    outdir: folder,
    plugins: [...(options.plugins ?? []), bundled.collect(join(folder, 'single-packages.txt'))],
  });
  const programs = await buildPrograms(folder, options, bundled.collect(join(folder, 'program-packages.txt')));

  // The agent of images, which the executable contains as a file.
  const agent = 'plan42-agent.mjs';
  await build({
    ...agentOptions,
    entryPoints: { 'plan42-agent': 'src/bin/plan42-agent.ts' },
    outdir: folder,
    plugins: [...agentOptions.plugins, bundled.collect(join(folder, 'agent-packages.txt'))],
  });
  for (const name of [seaConfig.main, agent]) {
    const bundle = join(folder, name);
    await writeFile(bundle, withoutModuleNames(await readFile(bundle, 'utf8')));
  }
  const assets = Object.fromEntries([...programs, agent].map((name) => [name, name]));
  const notices = join(folder, 'packages.txt');
  await writeFile(notices, bundled.notices());

  // Symbols are a fifth of the file. Strip them before the blob is injected, because stripping would remove it.
  const node = join(folder, 'node');
  await copyFile(process.execPath, node);
  await chmod(node, 0o755);
  if (process.platform === 'darwin') await run('codesign', ['--remove-signature', node]);
  await run('strip', process.platform === 'darwin' ? ['-x', node] : [node]);

  const path = join(folder, 'plan42');
  await writeFile(join(folder, 'sea.json'), JSON.stringify({ ...seaConfig, assets }));
  await run(process.execPath, [...codeCacheFlags, '--build-sea', 'sea.json'], { cwd: folder });
  await chmod(path, 0o755);
  if (process.platform === 'darwin') await run('codesign', ['--sign', '-', path]);
  else await run('patchelf', ['--set-rpath', libraryFolders.join(':'), path]);
  return { path, notices, packages: bundled.names };
}

const separator = `\n${'-'.repeat(78)}\n\n`;

interface Dependency {
  packageJson: { name?: string; version?: string; license?: string };
  licenseText: string;
}

/** The packages in the bundles of the page and of the program. Each is listed once, also if it is in both. */
class BundledPackages {
  readonly names = new Set<string>();
  readonly #notices = new Set<string>();

  /** Collects the packages of one bundle. The plugin insists on a file of its own. */
  collect(file: string) {
    const template = (dependencies: readonly Dependency[]) => {
      for (const dependency of dependencies) this.#add(dependency);
      return '';
    };
    return licenses({ banner: '', thirdParty: { output: { file, template } } });
  }

  notices(): string {
    return [...this.#notices].toSorted().join(separator);
  }

  #add({ packageJson: { name = '', version = '', license = '' }, licenseText }: Dependency): void {
    if (licenseText.trim() === '' && license === '') throw new Error(`package ${name} has no licence`);
    this.names.add(`${name}@${version}`);
    this.#notices.add(`${name} ${version} (${license})\n\n${licenseText.trim()}\n`);
  }
}
