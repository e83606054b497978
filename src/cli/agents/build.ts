import { join } from 'node:path';
import { printableLine } from '../../lib/printable.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import { withProgress } from '../progress.ts';
import { buildImage, type ImageOptions, prepareImage } from './build-image.ts';
import { imageOfAgent } from './recipe.ts';

export interface BuildOptions extends ImageOptions {
  dryRun?: boolean;
}

/** `plan42 agent build` */
export async function buildCommand(context: CliContext, options: BuildOptions): Promise<void> {
  const { stderr, stdout, signal } = context;
  const prepared = await withProgress(context, 'Looking at the base image', () => prepareImage(context, options));
  const { recipe, image, agent } = prepared;
  const dockerfile = join(recipe.folder, 'Dockerfile');
  if (options.dryRun) {
    await print(stdout, recipe.dockerfile, signal);
    stderr.write(`This is ${dockerfile}.\n`);
    return;
  }
  stderr.write(recipe.isEdited ? `Using ${dockerfile}, which you have edited.\n` : `Wrote ${dockerfile}:\n\n`);
  if (!recipe.isEdited) stderr.write(`${recipe.dockerfile.replaceAll(/^/gm, '  ').trimEnd()}\n\n`);
  await buildImage(context, prepared, options);
  await print(stdout, `${image}\n`, signal);
  const keys = agent.keys.length === 0 ? '' : ` It needs one of ${agent.keys.join(', ')}.`;
  const isFound = image === imageOfAgent(agent.name) && agent.adapterFile === undefined;
  const use = `Use it: plan42 run ${isFound ? `--agent ${agent.name}` : `--image ${image}`} PROMPT`;
  stderr.write(`${printableLine(`Built ${image}.${keys} ${use}`)}\n`);
}
