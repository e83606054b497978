/** Brings a changed configuration to the runner that is running. */
import { realpath } from 'node:fs/promises';
import type { ConfigChange } from '../config/edit-file.ts';
import { mistakesIn, mistakesNote } from '../config/edit-file.ts';
import { formatError } from '../lib/errors.ts';
import { ControlError, createControlClient } from './client.ts';

export interface ChangeToApply extends ConfigChange {
  /** Of the runner that is asked. */
  stateDir: string;
  /** The settings that have changed, as `jobs.max_jobs`. */
  names: readonly string[];
  signal?: AbortSignal;
}

export interface Applied {
  /**
   * `used`: a runner has it now. `restart`: a runner has read it, and uses some of it from its next start on. `refused`: a
   * runner could not take it over. `unknown`: none that uses this file has answered.
   */
  outcome: 'used' | 'restart' | 'refused' | 'unknown';
  /** Sentences for people: what came of it, and what is to be done. */
  message: string;
}

const start = 'Start the runner: "plan42 runner enable" as a service, or "plan42 runner exec" in a terminal.';
const restart = '"plan42 runner stop" and "plan42 runner enable", or Ctrl-C and "plan42 runner exec"';

/** Has the runner that uses the state folder read its configuration again, and waits until it has. Rejects with the signal's reason. */
export async function applyConfig({ before, after, stateDir, names, signal }: ChangeToApply): Promise<Applied> {
  const client = createControlClient(stateDir);
  const later = names.filter((name) => !isTakenOver(name));
  const mistakes = mistakesNote(mistakesIn(after));
  const isFirst = before.content === undefined && names.includes('runner.token');
  const withoutRunner = mistakes ?? (isFirst ? start : toBeDone(later));
  try {
    const status = await client.status(signal);
    if (!(await isSameFile(status.configFile, after.path))) {
      const message = `The runner that is running uses another file, ${status.configFile}. ${mistakes ?? ''}`;
      return { outcome: 'unknown', message: message.trim() };
    }
    const mistake = await client.reload(signal);
    if (mistake !== null) {
      const message = `The running runner does not take it over, and goes on as before: ${withoutDot(mistake)}.`;
      return { outcome: 'refused', message };
    }
    if (later.length === 0) return { outcome: 'used', message: 'The running runner uses it from now on.' };
    const message = `The running runner has read it, and uses ${list(later)} from its next start on: ${restart}.`;
    return { outcome: 'restart', message };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure === 'absent') return { outcome: 'unknown', message: withoutRunner };
    const message = `The running runner could not be asked (${formatError(error)}). ${withoutRunner}`;
    return { outcome: 'unknown', message };
  }
}

// None that uses this state folder: there may be others.
function toBeDone(later: readonly string[]): string {
  if (later.length === 0) return 'A running runner takes it over by itself.';
  return `Restart a running runner to use it: ${restart}.`;
}

// It watches the file, and takes over what can be changed while it runs: src/runner/reload.ts.
function isTakenOver(name: string): boolean {
  return name === 'runner.token' || name.startsWith('github.');
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
