/** The hosts that the network of this job has refused, which may be why its turn failed. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { describeRefused, type RefusedHost, RefusedHosts, refusedPath } from '../gateway/refused.ts';
import { tryParseJson } from '../lib/json.ts';
import type { TurnResult } from './turn/turn-reporter.ts';

/** The gateway of a job behind the wall. */
const gatewaySocket = '/plan42-wall/gateway.sock';
const timeoutMs = 3000;

/** Adds the refused hosts to the error message of a failed turn, and what would allow them. */
export async function explainRefusedHosts(result: TurnResult, socket = gatewaySocket): Promise<TurnResult> {
  const { Status, ErrorMessage = '' } = result;
  if (Status !== 'Failed') return result;
  const refused = await askGateway(socket);
  if (refused.length === 0) return result;
  // Those that the failure itself names come first.
  const isNamed = ({ host }: RefusedHost) => ErrorMessage.includes(host);
  const sorted = [...refused.filter(isNamed), ...refused.filter((each) => !isNamed(each))];
  const end = /[.!?]$/.test(ErrorMessage) ? '' : '.';
  return { ...result, ErrorMessage: `${ErrorMessage}${end}${describeRefused(sorted)}` };
}

/** Empty if the job has no wall, or its gateway does not respond. */
async function askGateway(socketPath: string): Promise<RefusedHost[]> {
  try {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request({ socketPath, path: refusedPath, agent: false, signal }, (response) => {
      text(response).then(resolve, reject);
    });
    asked.on('error', reject).end();
    const parsed = v.safeParse(RefusedHosts, tryParseJson(await promise));
    return parsed.success ? parsed.output.refused : [];
  } catch {
    return [];
  }
}
