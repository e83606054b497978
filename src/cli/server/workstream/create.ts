import { randomUUID } from 'node:crypto';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';

export interface CreateWorkstreamOptions extends LocationOptions {
  description: string;
  shortName: string;
  json?: boolean;
}

export async function createWorkstream(
  context: CliContext,
  name: string,
  { description, shortName, ...options }: CreateWorkstreamOptions,
): Promise<void> {
  const fields = { Name: name, Description: description, DefaultShortName: shortName };
  const created = await callServer(context, options, ({ workstreams }) => workstreams.create(randomUUID(), fields));
  const text = options.json ? renderJson(created) : `${created.WorkstreamId}\n`;
  await print(context.stdout, text, context.signal);
}
