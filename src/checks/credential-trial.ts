/** A host with TLS of the doctor's own, and a secret that only its gateway has. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { EgressPolicy } from '../gateway/policy.ts';
import { issueCertificates } from '../jobs/credentials/certificates.ts';
import { makePlaceholder } from '../jobs/credentials/placeholder.ts';
import { systemClock } from '../lib/clock.ts';
import type { CredentialTrial } from '../runtimes/check/run-check.ts';

const host = 'doctor.plan42.internal';
const name = 'doctor';

export async function startCredentialTrial(): Promise<CredentialTrial & AsyncDisposable> {
  const secret = `sk-${randomBytes(20).toString('hex')}`;
  const placeholder = makePlaceholder(secret);
  const now = systemClock.date();
  const ofHost = issueCertificates([host], now);
  const server = createServer({ cert: ofHost.certificate, key: ofHost.key }, (request, response) => {
    const isReal = request.headers.authorization === `Bearer ${secret}`;
    request.resume();
    response.end(JSON.stringify({ isReal }));
  });
  // A client that distrusts it is reported by the container.
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const broker = {
    ...issueCertificates([host], now),
    trusted: ofHost.authority,
    hosts: [{ host, port }],
    credentials: [{ name, placeholder, targets: [{ host, port, isPlain: false }] }],
  };
  const policy = (jobId: string): EgressPolicy => ({
    ...{ version: 1, jobId, mode: 'enforce', rules: [], addresses: [] },
    server: { host, port, connectTo: '127.0.0.1', mayBeAnywhere: true },
    broker,
    remedy: 'Only the host of the doctor is allowed.',
  });
  return {
    ...{ url: `https://${host}:${port}/`, placeholder, policy },
    broker: { values: new Map([[name, secret]]), hide: (text) => text.replaceAll(secret, placeholder) },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
