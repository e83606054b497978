import type { ConfigFile } from '../../config/edit-file.ts';
import { parseConfig } from '../../config/parse.ts';
import type { Config } from '../../config/schema.ts';

/** Input of all effects. */
export interface EffectContext {
  /** As last read. */
  file: ConfigFile;
  env: NodeJS.ProcessEnv;
  version: string;
}

/** The configuration in the file, with defaults in place of invalid settings. */
export function currentConfig({ file, env }: EffectContext): Config {
  return parseConfig({ file: file.content, env, flags: new Map() }).config;
}
