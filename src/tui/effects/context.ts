import type { ConfigFile } from '../../config/edit-file.ts';
import { parseConfig } from '../../config/parse.ts';
import type { Config } from '../../config/schema.ts';

/** What effects work with. */
export interface EffectContext {
  /** As it was read last. */
  file: ConfigFile;
  env: NodeJS.ProcessEnv;
  version: string;
}

/** The settings that the screen doesn't show, defaults where they are wrong. */
export function currentConfig({ file, env }: EffectContext): Config {
  return parseConfig({ file: file.content, env, flags: new Map() }).config;
}
