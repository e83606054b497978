import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/** A way to a registry on which a pull can be held in the middle. */
export interface HoldingRegistry extends AsyncDisposable {
  host: string;
  /** Called when a manifest is requested; its result is awaited before the response. */
  onPull: () => Promise<void> | undefined;
}

export async function startHoldingRegistry(target: string): Promise<HoldingRegistry> {
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request;
    const pass = () => {
      // A pull ends with the runner that is killed while it is held.
      if (response.destroyed) return;
      const onward = httpRequest(`http://${target}${url}`, { method, headers }, (answer) => {
        if (response.destroyed) {
          answer.destroy();
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, response, () => {});
      });
      pipeline(request, onward, () => {});
    };
    const isPull = url.includes('/manifests/');
    void Promise.resolve(isPull ? registry.onPull() : undefined).then(pass);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const registry: HoldingRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    onPull: () => undefined,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return registry;
}
