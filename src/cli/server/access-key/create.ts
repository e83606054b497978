import { printableLine } from '../../../lib/printable.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import { accessKeyVariables } from '../../../plan42/access-key-variables.ts';
import type { CliContext } from '../../context.ts';
import { renderJson } from '../../output.ts';
import { isWritten } from '../is-written.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface CreateAccessKeyOptions extends LocationOptions {
  name: string;
  json?: boolean;
}

export async function createAccessKey(context: CliContext, options: CreateAccessKeyOptions): Promise<void> {
  const { key, url } = await callServer(context, options, async ({ client, location }) => ({
    key: await client.createAccessKey(options.name),
    url: location.url,
  }));
  const { AccessKeyID } = key;
  if (!(await isWritten(context, options.json ? renderJson(key) : `${accessKeyVariables(key)}\n`))) {
    const revoke = withLocation(`plan42 server access-key revoke ${AccessKeyID}`, options);
    context.stderr.write(`Access key ${AccessKeyID} could not be written. Revoke it: ${revoke}\n`);
  } else if (!options.json) {
    const use = `p42-ctl --endpoint ${shellQuote(url)} tenant list`;
    context.stderr.write(`${printableLine(`Access key ${AccessKeyID} created. With these variables, run: ${use}`)}\n`);
  }
}
