import { UserError } from '../../lib/errors.ts';
import { printableOutput } from '../../lib/printable.ts';
import { openToRead } from '../../lib/read-file.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import { throughPager } from '../pager.ts';
import { fetchResult } from '../run/finish.ts';
import { applyChanges, withPatch } from '../run/git/changes.ts';
import { explainingGit } from '../run/git/explain.ts';
import { openRepository } from '../run/git/local-repository.ts';
import type { LocationOptions } from '../server/location.ts';
import { findTask } from '../server/task/find.ts';
import { personalWords } from '../server/task-words.ts';
import { withServer } from '../server/with-server.ts';

export interface TaskOptions extends LocationOptions {
  stat?: boolean;
  pager?: boolean;
}

/** Prints the changes of a task as a patch, or their statistic. */
export function diffTask(context: CliContext, id: string, options: TaskOptions): Promise<void> {
  return explainingGit(() => printChanges(context, id, options));
}

async function printChanges(context: CliContext, id: string, options: TaskOptions): Promise<void> {
  const { stdout, signal } = context;
  const { repository, changes } = await fetchChanges(context, id, options);
  if (options.stat) return print(stdout, `${changes.stat}\n`, signal);
  await withPatch(repository, changes, (file) =>
    throughPager(context, options.pager !== false, async (out, gone) => {
      await using patch = await openToRead(file);
      const chunks = patch.createReadStream({ encoding: 'utf8', signal: gone, autoClose: false });
      for await (const text of chunks as AsyncIterable<string>) {
        await print(out, stdout.isTTY ? printableOutput(text) : text, gone);
      }
    }),
  );
}

/** Applies the changes of a task to the files of the user. */
export async function applyTask(context: CliContext, id: string, options: TaskOptions): Promise<void> {
  const changes = await explainingGit(async () => {
    const fetched = await fetchChanges(context, id, options);
    await applyChanges(fetched.repository, fetched.changes, fetched.name);
    return fetched.changes;
  });
  await print(context.stdout, `${changes.stat}\n`, context.signal);
  context.stderr.write('Applied to your files, not committed: see "git diff".\n');
}

async function fetchChanges(context: CliContext, id: string, options: LocationOptions) {
  const repository = await openRepository(context, '.');
  return withServer(context, { ...options, personal: true }, async (server) => {
    const task = await findTask(server.client, id, personalWords);
    const fetched = await fetchResult(context, { server, repository, task });
    if (fetched !== undefined && fetched.changes.files > 0) return { ...fetched, repository };
    throw new UserError(`task ${task.TaskId} has changed nothing`, {
      remedy: `See what it did with "plan42 task show ${task.TaskId.slice(0, 8)}".`,
    });
  });
}
