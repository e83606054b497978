import { printableLine } from '../../lib/printable.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import type { LocationOptions } from './location.ts';
import { callServer } from './with-server.ts';

/** Prints only the link to standard output, so that scripts can open it in a browser. */
export async function printLink(context: CliContext, options: LocationOptions): Promise<void> {
  const { Url } = await callServer(context, options, ({ client }) => client.createSignInLink());
  await print(context.stdout, `${printableLine(Url)}\n`, context.signal);
}
