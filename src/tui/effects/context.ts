import type { ConfigFile } from '../../config/config-file.ts';
import { readConfig } from '../../config/read.ts';
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
  return readConfig({ file: file.content, env, flags: new Map() }).config;
}
