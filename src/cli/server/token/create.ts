import { randomUUID } from 'node:crypto';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, renderJson } from '../../output.ts';
import { findRunner } from '../find-runner.ts';
import { isWritten } from '../is-written.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface CreateTokenOptions extends LocationOptions {
  runner?: string;
  ttlDays: number;
  json?: boolean;
}

export async function createToken(context: CliContext, options: CreateTokenOptions): Promise<void> {
  const token = await callServer(context, options, async (server) => {
    const runnerId = await findRunner(server, options.runner);
    return server.client.createRunnerToken(runnerId, randomUUID(), options.ttlDays);
  });
  const { Token, TokenID, RunnerID, ExpiresAt } = token;
  if (!(await isWritten(context, options.json ? renderJson(token) : `${Token}\n`))) {
    context.stderr.write(
      withLocation(
        `Token ${TokenID} could not be written. Revoke it: plan42 server token revoke ${TokenID}\n`,
        options,
      ),
    );
  } else if (!options.json) {
    const until = formatLocalTime(ExpiresAt);
    context.stderr.write(`${printableLine(`Token ${TokenID} for runner ${RunnerID}, valid until ${until}.`)}\n`);
  }
}
