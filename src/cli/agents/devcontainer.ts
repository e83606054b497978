/** The base of an image from a repository's devcontainer.json. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { ExitCode, formatError, UserError } from '../../lib/errors.ts';
import { imageProblem } from '../../lib/image-reference.ts';
import { readText, readTextIfExists } from '../../lib/read-file.ts';
import type { BuildEngine } from './build-engine.ts';
import { parseJsonc } from './jsonc.ts';

const text = v.optional(v.string());

const File = v.object({
  image: text,
  build: v.optional(
    v.object({
      dockerfile: text,
      context: text,
      target: text,
      args: v.optional(v.record(v.pipe(v.string(), v.regex(/^\w+$/)), v.string())),
    }),
  ),
  // The older spelling.
  dockerFile: text,
  context: text,
});

export interface Devcontainer {
  /** Either an image, */
  image?: string;
  /** or how to build one, with paths relative to the file. */
  build?: { dockerfile: string; context: string; target: string | undefined; args: Readonly<Record<string, string>> };
  /** Settings of the file that an agent's image does not honour. */
  ignored: readonly string[];
}

const unsupported = [
  ...['features', 'dockerComposeFile', 'mounts', 'runArgs', 'containerEnv', 'remoteEnv'],
  ...['onCreateCommand', 'updateContentCommand', 'postCreateCommand', 'postStartCommand', 'initializeCommand'],
];

/** @throws an error that says what is invalid */
export function parseDevcontainer(content: string): Devcontainer {
  const document = parseJsonc(content);
  const { image, build, dockerFile, context } = v.parse(File, document);
  const ignored = unsupported.filter((name) => Object.hasOwn(document as object, name));
  const dockerfile = build?.dockerfile ?? dockerFile;
  if (dockerfile !== undefined) {
    const { target, args = {} } = build ?? {};
    // Variables of the machine are not for a repository's build.
    const plain = Object.entries(args).map(([name, value]) => [name, withoutVariables(value)]);
    return {
      build: { dockerfile, context: build?.context ?? context ?? '.', target, args: Object.fromEntries(plain) },
      ignored,
    };
  }
  if (image !== undefined) return { image, ignored };
  throw new Error('it names neither an image nor a Dockerfile');
}

/** `${localEnv:NAME:default}` becomes its default. */
function withoutVariables(value: string): string {
  return value.replaceAll(
    /\$\{[^{}:]{0,99}(?::[^{}:]{0,99})?(?::([^{}]{0,999}))?\}/g,
    (_, fallback?: string) => fallback ?? '',
  );
}

/**
 * Returns the image that the file names, or that was built as it says.
 * @throws UserError
 */
export async function baseOfDevcontainer(
  path: string,
  engine: BuildEngine,
  note: (line: string) => void,
): Promise<string> {
  const { image, build, ignored } = await readDevcontainer(path);
  if (ignored.length > 0) note(`Not used of ${path}: ${ignored.join(', ')}.`);
  if (build === undefined) return checkedImage(path, image ?? '');
  const folder = await realpath(dirname(path));
  const root = rootOf(folder);
  const [dockerfile, context] = await Promise.all([
    within(root, resolve(folder, build.dockerfile), path),
    within(root, resolve(folder, build.context), path),
  ]);
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  const tag = `localhost/plan42-devcontainer-${hash}:latest`;
  const options = [
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...Object.entries(build.args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
  ];
  note(`Building ${dockerfile}, which ${path} names.`);
  const { exitCode } = await engine.runVisibly(['build', '--tag', tag, '--file', dockerfile, ...options, context]);
  if (exitCode === 0) return tag;
  throw new UserError(`cannot build ${dockerfile}: ${engine.name} exited with ${exitCode ?? 'a signal'}`, {
    remedy: 'Read its output above, and correct the file, or choose another image.',
  });
}

async function readDevcontainer(path: string): Promise<Devcontainer> {
  try {
    return parseDevcontainer(await readText(path));
  } catch (error) {
    throw new UserError(`cannot use ${path}: ${formatError(error)}`, {
      remedy: 'Correct the file, or choose another image.',
      exitCode: ExitCode.usage,
    });
  }
}

// `.devcontainer/devcontainer.json` or `.devcontainer.json`, below the root of the repository.
function rootOf(folder: string): string {
  if (basename(folder) === '.devcontainer') return dirname(folder);
  const parent = dirname(folder);
  return basename(parent) === '.devcontainer' ? dirname(parent) : folder;
}

/** A repository must not read other files of the machine. */
async function within(root: string, path: string, file: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined && (real === root || real.startsWith(join(root, sep)))) return real;
  const why = real === undefined ? 'does not exist' : `is outside of ${root}`;
  throw new UserError(`cannot use ${file}: ${path} ${why}`, {
    remedy: 'Correct the file, or choose another image.',
    exitCode: ExitCode.usage,
  });
}

function checkedImage(path: string, image: string): string {
  const problem = imageProblem(image);
  if (problem === undefined) return image;
  throw new UserError(`cannot use ${path}: ${problem}`, { remedy: 'Correct the file, or choose another image.' });
}

/** The name of the image of an agent with this base, which changes with the file and its Dockerfile. */
export async function imageWithDevcontainer(agent: string, path: string): Promise<string> {
  const content = await readText(path);
  const { build } = await readDevcontainer(path);
  const dockerfile =
    build === undefined ? '' : await readText(resolve(dirname(path), build.dockerfile)).catch(() => '');
  const hash = createHash('sha256').update(JSON.stringify([await realpath(path), content, dockerfile]));
  return `localhost/plan42-agent-${agent}:${hash.digest('hex').slice(0, 12)}`;
}

const places = ['.devcontainer/devcontainer.json', '.devcontainer.json'];

/** Returns the devcontainer.json of a repository, if there is one. */
export async function findDevcontainer(root: string): Promise<string | undefined> {
  for (const place of places) {
    const path = join(root, place);
    const content = await readTextIfExists(path);
    if (content !== undefined) return path;
  }
  return undefined;
}
