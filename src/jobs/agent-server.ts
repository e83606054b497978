/** The server that agents call. */

import { formatError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import type { Runtime } from '../runtimes/runtime.ts';

/** Agents find the server by the issuer of their token. `runnerUrl` is where the runner finds it. */
export function agentServerUrl(agentToken: string, runnerUrl: URL): URL {
  const payload = agentToken.slice(agentToken.indexOf('_') + 1).split('.', 3)[1] ?? '';
  try {
    const { iss } = parseJson(Buffer.from(payload, 'base64url').toString()) as { iss?: unknown };
    const url = typeof iss === 'string' ? URL.parse(iss) : null;
    return url !== null && /^https?:$/.test(url.protocol) ? url : runnerUrl;
  } catch {
    // Other servers may issue tokens that are no JWT.
    return runnerUrl;
  }
}

export interface Unreachable {
  /** A sentence without its full stop. */
  reason: string;
  remedy: string;
}

/** Why agents cannot reach the server; undefined if they can, as far as can be known without a container. */
export async function whyUnreachable(runtime: Runtime, url: URL): Promise<Unreachable | undefined> {
  try {
    const address = await runtime.findAgentAddress?.(url);
    return address?.reason === undefined ? undefined : address;
  } catch (error) {
    return { reason: formatError(error), remedy: 'Run "plan42 runner doctor".' };
  }
}
