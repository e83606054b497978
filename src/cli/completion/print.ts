import type { Command } from 'commander';
import { defaultPaths } from '../../config/paths.ts';
import { JobStore } from '../../jobs/store.ts';
import { printableLine } from '../../lib/printable.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import { type Candidate, type Completion, complete } from './candidates.ts';

const maxJobs = 100;

/** Prints the kind of completion on the first line, then one word per line, with its description after a tab. */
export async function printCompletion(context: CliContext, program: Command, words: readonly string[]): Promise<void> {
  const completion = complete(program, words);
  const isFound = completion.kind === 'files' || completion.kind === 'folders';
  const lines = isFound ? [] : await candidates(context, completion);
  const text = lines.map(({ value, about }) => `${value}\t${printableLine(about)}\n`).join('');
  await print(context.stdout, `${isFound ? completion.kind : 'words'}\n${text}`, context.signal);
}

async function candidates(
  context: CliContext,
  completion: Exclude<Completion, { kind: 'files' | 'folders' }>,
): Promise<Candidate[]> {
  switch (completion.kind) {
    case 'words':
      return completion.words;
    case 'settings':
      return settingCandidates(completion.start);
    case 'jobs':
      return jobCandidates(context, completion);
  }
}

async function settingCandidates(start: string): Promise<Candidate[]> {
  const { allSettings } = await import('../../config/find-setting.ts');
  const settings = allSettings({}).filter(({ name }) => name.startsWith(start));
  return settings.map(({ name, field }) => ({ value: name, about: field.about }));
}

async function jobCandidates(
  { env }: CliContext,
  { which, start }: { which: 'all' | 'active'; start: string },
): Promise<Candidate[]> {
  const { stateDir, logDir } = defaultPaths(env);
  const store = JobStore.at(stateDir, logDir);
  const active = await store.listActive();
  const jobIds = new Set([...active, ...(which === 'all' ? await store.listFinished() : [])]);
  // A job ID contains the task's ID, which is completed without the prefix.
  const shown = (jobId: string) => (jobId.startsWith(start) ? jobId : jobId.replace(/^plan42-/, ''));
  const matching = [...jobIds].filter((jobId) => shown(jobId).startsWith(start)).slice(0, maxJobs);
  const isActive = new Set(active);
  const titleOf = async (jobId: string) => {
    const record = isActive.has(jobId) ? store.readActive(jobId) : store.readFinished(jobId);
    return record.then(
      ({ title }) => title,
      () => '',
    );
  };
  return Promise.all(matching.map(async (jobId) => ({ value: shown(jobId), about: await titleOf(jobId) })));
}
