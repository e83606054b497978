import { printableLine } from '../../lib/printable.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import type { LocationOptions } from './location.ts';
import { askServer } from './with-server.ts';

/** Prints nothing else to standard output, so that the link can be handed to a browser. */
export async function printLink(context: CliContext, options: LocationOptions): Promise<void> {
  const { Url } = await askServer(context, options, ({ client }) => client.createSignInLink());
  await print(context.stdout, `${printableLine(Url)}\n`, context.signal);
}
