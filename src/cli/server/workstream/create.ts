import { randomUUID } from 'node:crypto';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { ApiError } from '../../../plan42/errors.ts';
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
  if (name.trim() === '') {
    const remedy = 'Give a name, such as "New checkout".';
    throw new UserError('the name of the workstream is empty', { remedy, exitCode: ExitCode.usage });
  }
  const fields = { Name: name, Description: description, DefaultShortName: shortName };
  const created = await callServer(context, options, ({ workstreams }) =>
    workstreams.create(randomUUID(), fields).catch((error: unknown) => {
      throw explainTaken(error, shortName);
    }),
  );
  const text = options.json ? renderJson(created) : `${created.WorkstreamId}\n`;
  await print(context.stdout, text, context.signal);
}

function explainTaken(error: unknown, shortName: string): unknown {
  if (!(error instanceof ApiError) || error.currentType !== 'WorkstreamShortName') return error;
  const remedy = 'Choose another one with --short-name. To see those in use, run "plan42 server workstream list".';
  return new UserError(`cannot use the short name ${shortName}: ${error.detail}`, { remedy });
}
