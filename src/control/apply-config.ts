/** Applies a changed configuration to the running runner. */
import { realpath } from 'node:fs/promises';
import type { ConfigChange, ConfigFile } from '../config/edit-file.ts';
import { mistakesIn, mistakesNote } from '../config/edit-file.ts';
import { parseConfig } from '../config/parse.ts';
import { formatError } from '../lib/errors.ts';
import { exists } from '../lib/files.ts';
import { ControlError, createControlClient } from './client.ts';

export interface ChangeToApply extends ConfigChange {
  /** The state folder of the runner. */
  stateDir: string;
  /** The changed settings, such as `jobs.max_jobs`. */
  names: readonly string[];
  signal?: AbortSignal;
}

export interface Applied {
  /**
   * `used`: a runner uses it now. `restart`: some settings take effect at the runner's next start. `refused`: the runner
   * rejected it. `unknown`: no runner that uses this file has responded.
   */
  outcome: 'used' | 'restart' | 'refused' | 'unknown';
  /** The outcome and the remedy, as sentences. */
  message: string;
}

const start = '"plan42 runner enable" as a service, or "plan42 runner exec" in a terminal';
const restart = '"plan42 runner stop" and "plan42 runner enable", or Ctrl-C and "plan42 runner exec"';

/** Makes the runner that uses the state folder reload its configuration, and waits for the result. Rejects with the signal's reason. */
export async function applyConfig({ before, after, stateDir, names, signal }: ChangeToApply): Promise<Applied> {
  const client = createControlClient(stateDir);
  const later = names.filter((name) => !isReloadable(name));
  const mistakes = mistakesNote(mistakesIn(after));
  const isFirst = before.content === undefined || !(await exists(stateDir));
  const withoutRunner = mistakes ?? (isFirst ? firstStep(after) : nextStep(later));
  try {
    const status = await client.status(signal);
    if (!(await isSameFile(status.configFile, after.path))) {
      const message = `The running runner uses another file, ${status.configFile}. ${mistakes ?? ''}`;
      return { outcome: 'unknown', message: message.trim() };
    }
    const mistake = await client.reload(signal);
    if (mistake !== null) {
      const message = `The runner rejected the new configuration and keeps the old one: ${withoutDot(mistake)}.`;
      return { outcome: 'refused', message };
    }
    if (later.length === 0) return { outcome: 'used', message: 'The running runner has applied the change.' };
    const message = `Restart the runner to apply ${list(later)}: ${restart}.`;
    return { outcome: 'restart', message };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure === 'absent') return { outcome: 'unknown', message: withoutRunner };
    const message = `Cannot reach the running runner (${formatError(error)}). ${withoutRunner}`;
    return { outcome: 'unknown', message };
  }
}

// No runner has used the file, because it is new, or because no runner was ever started here.
function firstStep({ content = '' }: ConfigFile): string {
  return parseConfig({ file: content, env: {}, flags: new Map() }).config.runner.token
    ? `Start the runner: ${start}.`
    : `Start the runner when the file is complete: ${start}.`;
}

// No runner uses this state folder, but one with another state folder may use the file.
function nextStep(later: readonly string[]): string {
  if (later.length === 0) return 'If the runner is running, it reloads the file automatically.';
  return `If the runner is running, restart it to apply the change: ${restart}.`;
}

const modelKeys = [
  'openai_endpoint',
  'openai_token',
  'claude_endpoint',
  'claude_token',
  'no_websearch',
  'no_cache_ttl',
];
const reloadable: ReadonlySet<string> = new Set(['token', ...modelKeys].map((key) => `runner.${key}`));

// The settings that src/runner/reload.ts applies without a restart.
function isReloadable(name: string): boolean {
  return /^(github|runner\.model_mappings)(\.|$)/.test(name) || reloadable.has(name);
}

function list(names: readonly string[]): string {
  return new Intl.ListFormat('en').format(names);
}

function withoutDot(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [realA, realB] = await Promise.all([a, b].map((path) => realpath(path).catch(() => path)));
  return realA === realB;
}
