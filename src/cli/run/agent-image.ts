import { chooseEngine } from '../agents/build-engine.ts';
import { buildImage, imageOfAgent, prepareImage } from '../agents/build-image.ts';
import { chooseAgent } from '../agents/choose-agent.ts';
import { findDevcontainer, imageWithDevcontainer } from '../agents/devcontainer.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import type { EngineName } from './choose-runtime.ts';

/**
 * Returns the image of an agent, which is built if this machine does not have it. Its base is that of the repository's
 * devcontainer.json, if there is one.
 * @param agent a name, or the file of an adapter
 * @throws UserError
 */
export async function ensureAgentImage(
  context: CliContext,
  agent: string,
  { engine, workTree }: { engine: EngineName; workTree: string | undefined },
): Promise<string> {
  const { env, stderr } = context;
  const custom = agent === 'custom' ? customOf(env) : {};
  const { name } = await chooseAgent({ agent, ...custom });
  const devcontainer = workTree === undefined ? undefined : await findDevcontainer(workTree);
  const image = devcontainer === undefined ? imageOfAgent(name) : await imageWithDevcontainer(name, devcontainer);
  if (await hasImage(context, engine, image)) return image;
  const base = devcontainer === undefined ? {} : { devcontainer, tag: image };
  if (devcontainer !== undefined) stderr.write(`The base of the image is that of ${devcontainer}.\n`);
  const options = { agent, engine, ...custom, ...base };
  const prepared = await withProgress(context, 'Looking at the base image', () => prepareImage(context, options));
  stderr.write(`Building ${image}, which takes a few minutes once. To change it, see "plan42 agent build --help".\n`);
  await buildImage(prepared);
  return image;
}

function customOf(env: NodeJS.ProcessEnv): { command?: string; protocol?: string } {
  const [command, protocol] = [env['PLAN42_AGENT_COMMAND'], env['PLAN42_AGENT_PROTOCOL']];
  return { ...(command && { command }), ...(protocol && { protocol }) };
}

async function hasImage(context: CliContext, engine: EngineName, image: string): Promise<boolean> {
  const { exitCode } = await (await chooseEngine(context, engine)).run(['image', 'inspect', image]);
  return exitCode === 0;
}
