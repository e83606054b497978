import { readExistingConfig } from '../config/load.ts';
import { type ParsedConfig, parseConfig } from '../config/parse.ts';
import type { Paths } from '../config/paths.ts';
import { type Config, environmentVariable } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import type { ServiceHost } from '../service/service-manager.ts';
import { type Finding, skipped } from './finding.ts';
import { type ApiProbe, probeApi } from './probe-api.ts';

export interface Check {
  /** Stable, for programs. */
  name: string;
  /** For people. */
  title: string;
  /** Findings are about several objects, so a report for people names each subject. */
  showSubjects?: true;
  /** Instead of the time limit of all checks, for what takes long. Starts when those without have finished. */
  timeoutMs?: number;
  /** An error counts as a failed check. */
  run(context: CheckContext): Promise<readonly Finding[]>;
}

/** Input of all checks. What several of them need is read or requested once. */
export interface CheckContext {
  paths: Paths;
  env: NodeJS.ProcessEnv;
  host: ServiceHost;
  version: string;
  now: () => Date;
  /** Rejects with a UserError if the file cannot be read. */
  readConfig: () => Promise<CheckedConfig>;
  probeApi: () => Promise<ApiProbe>;
  /** The result of work that several checks need, which the first of them does. */
  once: <T>(work: (context: CheckContext) => Promise<T>) => Promise<T>;
  /** Run checks with defaults in place of invalid settings, instead of skipping them. */
  ignoreErrors: boolean;
  /** Leave out what takes more than a second or two. */
  quick?: boolean;
  /** Try this image in a cluster, instead of those of jobs. */
  image?: string | undefined;
  signal: AbortSignal;
}

export interface CheckedConfig extends ParsedConfig {
  /** Whether the file exists. */
  found: boolean;
}

export interface CheckOptions extends Omit<CheckContext, 'readConfig' | 'probeApi' | 'now' | 'once'> {
  /** The configuration file was named, so it must exist. */
  explicit: boolean;
  now?: () => Date;
}

export function createCheckContext({ explicit, now = systemClock.date, ...options }: CheckOptions): CheckContext {
  const { paths, env, version, signal } = options;
  const readConfig = once(async () => {
    const file = await readExistingConfig(paths.configFile, explicit);
    return { found: file !== undefined, ...parseConfig({ file, env, flags: new Map() }) };
  });
  const probe = once(async () => {
    const { config } = await readConfig();
    return probeApi(config, { env, version, now, signal });
  });
  const results = new Map<unknown, Promise<unknown>>();
  const context: CheckContext = {
    ...{ ...options, now, readConfig, probeApi: probe },
    once: <T>(work: (context: CheckContext) => Promise<T>) => {
      const result = (results.get(work) as Promise<T> | undefined) ?? work(context);
      results.set(work, result);
      return result;
    },
  };
  return context;
}

/**
 * Runs `check` with the configuration, or skips it if the configuration cannot be used: if it has errors that are not
 * ignored, or an error in one of the `required` settings.
 */
export async function withConfig(
  { readConfig, ignoreErrors }: CheckContext,
  check: (config: Config) => Promise<readonly Finding[]> | readonly Finding[],
  required: readonly string[] = [],
): Promise<readonly Finding[]> {
  const parsed = await readConfig().catch(() => undefined);
  const errors = parsed?.problems.filter(({ severity }) => severity === 'error') ?? [];
  const isUnusable = errors.some(({ message }) => !ignoreErrors || required.some((name) => isAbout(name, message)));
  if (parsed === undefined || isUnusable) {
    return [skipped('configuration', 'the configuration cannot be used')];
  }
  return check(parsed.config);
}

// The message begins with the table, the setting, or its variable.
function isAbout(name: string, message: string): boolean {
  const [table = '', key = ''] = name.split('.');
  const variable = environmentVariable(table, key);
  return [table, name, `the environment’s ${variable}`].some((start) => message.startsWith(`${start} is `));
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}
