import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '../../test/support/eventually.ts';

/** Resolves when a connection to a socket is accepted. */
export async function accepts(path: string): Promise<void> {
  await eventually(async () => {
    const socket = connect(path);
    return await once(socket, 'connect').then(
      () => socket.destroy() !== undefined,
      () => false,
    );
  });
}
