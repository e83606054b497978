import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findWorkstream } from './find.ts';

/** Idempotent. */
export async function setPaused(
  context: CliContext,
  text: string,
  paused: boolean,
  options: LocationOptions,
): Promise<void> {
  const { Name } = await callServer(context, options, async ({ workstreams }) => {
    const found = await findWorkstream(workstreams, text);
    return found.Paused === paused ? found : await workstreams.setPaused(found, paused);
  });
  const now = paused ? 'paused: no more of its tasks start' : 'running: its tasks start in their order';
  context.stderr.write(`${printableLine(`Workstream ${Name} is ${now}.`)}\n`);
}

export async function deleteWorkstream(context: CliContext, text: string, options: LocationOptions): Promise<void> {
  const { Name } = await callServer(context, options, async ({ workstreams }) => {
    const found = await findWorkstream(workstreams, text);
    await workstreams.delete(found);
    return found;
  });
  context.stderr.write(`${printableLine(`Workstream ${Name} deleted.`)}\n`);
}
