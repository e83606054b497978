import { type BuildEngine, chooseEngine } from '../agents/build-engine.ts';
import { buildImage, imageState, prepareImage } from '../agents/build-image.ts';
import { findBuildAuthorities } from '../agents/build-network.ts';
import { type ChosenAgent, chooseAgent } from '../agents/choose-agent.ts';
import { findDevcontainer, imageWithDevcontainer } from '../agents/devcontainer.ts';
import { imageOfAgent, readRecipe, recipeFolder } from '../agents/recipe.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import type { EngineName } from './choose-runtime.ts';

/**
 * Returns the image of an agent. It is built if this machine does not have it, and again after an upgrade of this program.
 * Its base is that of the repository's devcontainer.json, if there is one.
 * @param name a name, or the file of an adapter
 * @throws UserError
 */
export async function ensureAgentImage(
  context: CliContext,
  name: string,
  { engine: engineName, workTree }: { engine: EngineName; workTree: string | undefined },
): Promise<string> {
  const { stderr } = context;
  const choice = { agent: name, ...(name === 'custom' && customOf(context.env)) };
  // An image that exists knows its command.
  const agent = name === 'custom' ? anyCommand : await chooseAgent(choice);
  const devcontainer = workTree === undefined ? undefined : await findDevcontainer(workTree);
  const image =
    devcontainer === undefined ? imageOfAgent(agent.name) : await imageWithDevcontainer(agent.name, devcontainer);
  const engine = await chooseEngine(context, engineName);
  const state = await imageState(engine, image, agent);
  if (state === 'current') return image;
  if (state === 'outdated') {
    await updateImage(context, { image, agent, engine });
    return image;
  }
  const base = devcontainer === undefined ? {} : { devcontainer, tag: image };
  if (devcontainer !== undefined) stderr.write(`The base of the image is that of ${devcontainer}.\n`);
  const options = { ...choice, ...base, engine: engineName };
  const prepared = await withProgress(context, 'Looking at the base image', () => prepareImage(context, options));
  stderr.write(`Building ${image}, which takes a few minutes once. To change it, see "plan42 agent build --help".\n`);
  await buildImage(context, prepared);
  return image;
}

const anyCommand: ChosenAgent = {
  ...{ name: 'custom', packages: {}, keys: [], variables: {} },
  ...{ programs: [], isInstalled: false, isOurs: false },
};

/** Builds an image again from the Dockerfile that it was built from, whose layers the engine still has. */
async function updateImage(
  context: CliContext,
  { image, agent, engine }: { image: string; agent: ChosenAgent; engine: BuildEngine },
): Promise<void> {
  const { stderr, env, signal } = context;
  const recipe = await readRecipe(recipeFolder(image, env));
  const why = `${image} is from another version of Plan42`;
  if (recipe === undefined) {
    stderr.write(`${why}. To update it, run "plan42 agent build".\n`);
    return;
  }
  stderr.write(`${why}. Building it again.\n`);
  try {
    const authorities = await findBuildAuthorities(context, undefined);
    await buildImage(context, { image, agent, engine, recipe, authorities });
  } catch (error) {
    signal.throwIfAborted();
    // The image that was there still works, if the engine still has it.
    if ((await imageState(engine, image, agent)) !== 'outdated') throw error;
    stderr.write('Using the image as it is.\n');
  }
}

function customOf(env: NodeJS.ProcessEnv): { command?: string; protocol?: string } {
  const [command, protocol] = [env['PLAN42_AGENT_COMMAND'], env['PLAN42_AGENT_PROTOCOL']];
  return { ...(command && { command }), ...(protocol && { protocol }) };
}
