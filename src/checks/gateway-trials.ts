/** A host with TLS of the doctor's own, for what only a gateway does: it puts a secret in, and counts the tokens of a model. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { EgressPolicy, ModelPolicy } from '../gateway/policy.ts';
import { issueCertificates } from '../jobs/credentials/certificates.ts';
import { makePlaceholder } from '../jobs/credentials/placeholder.ts';
import { systemClock } from '../lib/clock.ts';
import type { CredentialTrial, UsageLimit, UsageTrial } from '../runtimes/check/run-check.ts';

const host = 'doctor.plan42.internal';
const name = 'doctor';
/** A call uses just what is allowed, so that the next one is refused. */
const tokensOfCall = { prompt_tokens: 60, completion_tokens: 40 };
const price = { input: 10_000, output: 10_000 };
const limitOfCall: Readonly<Record<UsageLimit, Pick<ModelPolicy, 'maxTokens' | 'maxCost'>>> = {
  max_tokens: { maxTokens: 100 },
  max_cost: { maxCost: 1 },
};

export interface GatewayTrials extends AsyncDisposable {
  credential: CredentialTrial;
  usage: (limit: UsageLimit) => UsageTrial;
}

export async function startGatewayTrials(): Promise<GatewayTrials> {
  const secret = `sk-${randomBytes(20).toString('hex')}`;
  const placeholder = makePlaceholder(secret);
  const now = systemClock.date();
  const ofHost = issueCertificates([host], now);
  const server = createServer({ cert: ofHost.certificate, key: ofHost.key }, (request, response) => {
    const isReal = request.headers.authorization === `Bearer ${secret}`;
    request.resume();
    const ofModel = { model: name, choices: [], usage: tokensOfCall };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(request.method === 'POST' ? ofModel : { isReal }));
  });
  // A client that distrusts it is reported by the container.
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const hosts = [{ host, port }];
  const broker = {
    ...issueCertificates([host], now),
    trusted: ofHost.authority,
    hosts,
    credentials: [{ name, placeholder, targets: [{ host, port, isPlain: false }] }],
  };
  const policyWith = (jobId: string, more: Partial<EgressPolicy>): EgressPolicy => ({
    ...{ version: 1, jobId, mode: 'enforce', rules: [], addresses: [] },
    server: { host, port, connectTo: '127.0.0.1', mayBeAnywhere: true },
    broker,
    ...more,
    remedy: 'Only the host of the doctor is allowed.',
  });
  const kept = { values: new Map([[name, secret]]), hide: (text: string) => text.replaceAll(secret, placeholder) };
  return {
    credential: {
      ...{ url: `https://${host}:${port}/`, placeholder, broker: kept },
      policy: (jobId) => policyWith(jobId, {}),
    },
    usage: (limit) => ({
      ...{ limit, url: `https://${host}:${port}/v1/chat/completions`, model: name, broker: kept },
      policy: (jobId) => policyWith(jobId, { models: { hosts, prices: { [name]: price }, ...limitOfCall[limit] } }),
    }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
