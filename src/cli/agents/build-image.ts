/** Builds the image of an agent. */
import { createHash } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { writeDurably } from '../../lib/files.ts';
import { imageProblem } from '../../lib/image-reference.ts';
import { tryParseJson } from '../../lib/json.ts';
import { printableLine } from '../../lib/printable.ts';
import { type CaFile, writeAuthorities } from '../../runtimes/authorities.ts';
import type { CliContext } from '../context.ts';
import { type BuildEngine, chooseEngine } from './build-engine.ts';
import { authorityRemedy, findBuildAuthorities, proxyOptions } from './build-network.ts';
import { readAgentBundle } from './bundle.ts';
import { checkImage } from './check-image.ts';
import { type AgentChoice, type ChosenAgent, chooseAgent } from './choose-agent.ts';
import { baseOfDevcontainer } from './devcontainer.ts';
import { defaultBase, renderDockerfile } from './dockerfile.ts';
import { probeBase } from './probe-base.ts';
import { adapterName, imageOfAgent, type Recipe, readRecipe, recipeFolder, writeRecipe } from './recipe.ts';

export interface ImageOptions extends AgentChoice {
  base?: string;
  /** Path of a devcontainer.json that names the base. */
  devcontainer?: string;
  /** Packages of the system, separated by spaces. */
  with?: string;
  tag?: string;
  engine?: string;
  /** Replace a Dockerfile that the user has edited. */
  reset?: boolean;
  /** PEM file of certificate authorities that the build trusts in addition. */
  caFile?: string;
  /** False with `--no-cache`: install the newest packages. */
  cache?: boolean;
}

export interface PreparedImage {
  image: string;
  agent: ChosenAgent;
  engine: BuildEngine;
  recipe: Recipe;
  /** Certificate authorities that the build trusts in addition. */
  authorities: CaFile | undefined;
}

/** Writes the Dockerfile, unless the user has edited it. @throws UserError */
export async function prepareImage(context: CliContext, options: ImageOptions): Promise<PreparedImage> {
  const agent = await chooseAgent(options);
  const packages = (options.with ?? '').split(/\s+/).filter((name) => name !== '');
  const odd = packages.find((name) => !/^[a-z0-9][\w+.:=~-]*$/i.test(name));
  if (odd !== undefined) throw usage(`"${odd}" is not the name of a package`, 'Correct --with.');
  const image = checkedImage(options.tag ?? imageOfAgent(agent.name), '--tag');
  const folder = recipeFolder(image, context.env);
  const engine = await chooseEngine(context, options.engine);
  const authorities = await findBuildAuthorities(context, options.caFile);
  const earlier = options.reset === true ? undefined : await readRecipe(folder);
  if (earlier?.isEdited) {
    refuseOptions(options, join(folder, 'Dockerfile'));
    return { image, agent, engine, recipe: earlier, authorities };
  }
  const base = await probeBase(engine, await chooseBase(context, options, engine));
  if (base.nodeProblem !== undefined) {
    const why = printableLine(base.nodeProblem);
    context.stderr.write(`Note: the Node.js of ${base.image} does not start, so the image gets another one: ${why}\n`);
  }
  const hasAuthorities = authorities !== undefined;
  const recipe = await writeRecipe(folder, renderDockerfile({ agent, base, packages, hasAuthorities }));
  return { image, agent, engine, recipe, authorities };
}

/**
 * Builds the image; its output goes to standard error.
 * @throws UserError if the build fails, or its image cannot run the agent
 */
export async function buildImage(
  { stderr, env }: CliContext,
  { image, agent, engine, recipe, authorities }: PreparedImage,
  { cache = true }: Pick<ImageOptions, 'cache'> = {},
): Promise<void> {
  const { folder } = recipe;
  const bundle = await readAgentBundle();
  await writeShared(join(folder, 'agent-wrapper'), bundle, 0o755);
  if (agent.adapterFile !== undefined) await writeShared(join(folder, adapterName), agent.adapterFile, 0o644);
  if (authorities !== undefined) await writeAuthorities(folder, { caFile: authorities }, 'container');
  const labels = ['--label', `${agentLabel}=${agent.name}`, '--label', `${filesLabel}=${checksumOf(bundle, agent)}`];
  const dockerfile = join(folder, 'Dockerfile');
  const options = [...(cache ? [] : ['--no-cache']), ...proxyOptions(engine.name, env)];
  const { exitCode, output } = await engine.runVisibly([
    ...['build', ...options, '--tag', image, '--file', dockerfile],
    ...[...labels, folder],
  ]);
  if (exitCode !== 0) {
    const remedy = authorityRemedy(output, engine.name, authorities);
    throw new UserError(`cannot build ${image}: ${engine.name} exited with ${exitCode ?? 'a signal'}`, {
      remedy: remedy || `Read its output above, and correct ${dockerfile} or the options.`,
    });
  }
  const note = await checkImage(image, { engine, agent, dockerfile });
  if (note !== '') stderr.write(`Note: ${printableLine(note)}\n`);
}

const agentLabel = 'ai.plan42.agent';
// A checksum of the files that this program puts into an image.
const filesLabel = 'ai.plan42.agent-files';

const Labels = v.nullish(v.record(v.string(), v.string()));

function checksumOf(bundle: string, { adapterFile = '' }: ChosenAgent): string {
  return createHash('sha256')
    .update(JSON.stringify([bundle, adapterFile]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * The state of an image: `outdated` if another version of this program has built it, or with another adapter. An image that
 * this program has not built is up to date.
 */
export async function imageState(
  engine: BuildEngine,
  image: string,
  agent: ChosenAgent,
): Promise<'missing' | 'outdated' | 'current'> {
  const args = ['image', 'inspect', '--format', '{{json .Config.Labels}}', image];
  const { exitCode, stdout } = await engine.run(args);
  if (exitCode !== 0) return 'missing';
  const { [agentLabel]: name, [filesLabel]: checksum } = v.parse(Labels, tryParseJson(stdout)) ?? {};
  if (name === undefined) return 'current';
  return checksum === checksumOf(await readAgentBundle(), agent) ? 'current' : 'outdated';
}

/** Users inside the container differ, whatever the umask is. */
async function writeShared(path: string, content: string, mode: number): Promise<void> {
  await writeDurably(path, content, mode);
  await chmod(path, mode);
}

async function chooseBase(
  { stderr }: CliContext,
  { base, devcontainer }: ImageOptions,
  engine: BuildEngine,
): Promise<string> {
  if (devcontainer === undefined) return checkedImage(base ?? defaultBase, '--base');
  if (base !== undefined) throw usage('--base and --devcontainer both name a base', 'Remove one of them.');
  return baseOfDevcontainer(devcontainer, engine, (line) => stderr.write(`${printableLine(line)}\n`));
}

function refuseOptions(options: ImageOptions, dockerfile: string): void {
  const given = (['base', 'devcontainer', 'with', 'caFile'] as const).filter((name) => options[name] !== undefined);
  if (given.length === 0) return;
  throw usage(
    `cannot apply --${given.map((name) => (name === 'caFile' ? 'ca-file' : name)).join(' and --')}: you have edited ${dockerfile}`,
    'Change the file, or write it again with --reset.',
  );
}

function checkedImage(image: string, option: string): string {
  const problem = imageProblem(image);
  if (problem !== undefined) throw usage(problem, `Correct ${option}.`);
  return image;
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { remedy, exitCode: ExitCode.usage });
}
