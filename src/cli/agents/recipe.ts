/** The folder with the Dockerfile of an image, which the user may edit. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { errorCode } from '../../lib/errors.ts';
import { readText } from '../../lib/read-file.ts';
import { replaceFile } from '../../lib/replace-file.ts';

const checksumLine = /^# Unedited: ([0-9a-f]{16})\n/;

export interface Recipe {
  folder: string;
  dockerfile: string;
  /** Whether the user has changed the Dockerfile that we wrote. */
  isEdited: boolean;
}

/** The name of an agent's image that needs no registry. */
export function imageOfAgent(name: string): string {
  return `localhost/plan42-agent-${name}:latest`;
}

/** The user's adapter in the folder, if the agent is not one of ours. */
export const adapterName = 'adapter.mjs';

/** The folder of the recipe of an image. */
export function recipeFolder(image: string, env: NodeJS.ProcessEnv): string {
  const configured = env['XDG_CONFIG_HOME'] ?? '';
  const config = isAbsolute(configured) ? configured : join(env['HOME'] ?? homedir(), '.config');
  const name = image.replace(/^localhost\//, '').replace(/:latest$/, '');
  return join(config, 'plan42/images', name.replaceAll(/[^\w.-]+/g, '_'));
}

/** Returns the Dockerfile in the folder; undefined if there is none. */
export async function readRecipe(folder: string): Promise<Recipe | undefined> {
  try {
    const text = await readText(join(folder, 'Dockerfile'));
    const checksum = checksumLine.exec(text);
    const dockerfile = text.slice(checksum?.[0].length ?? 0);
    return { folder, dockerfile: text, isEdited: checksum?.[1] !== checksumOf(dockerfile) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes the Dockerfile, so that an edit of it is noticed. */
export async function writeRecipe(folder: string, body: string): Promise<Recipe> {
  await mkdir(folder, { recursive: true });
  const dockerfile = `# Unedited: ${checksumOf(body)}\n${body}`;
  await replaceFile(join(folder, 'Dockerfile'), dockerfile);
  return { folder, dockerfile, isEdited: false };
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
