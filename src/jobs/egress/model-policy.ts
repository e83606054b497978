/** Which calls of models the gateway of a job counts, and which it refuses at a limit. */
import { parseModelHost } from '../../config/models.ts';
import type { Config } from '../../config/schema.ts';
import { parseHost } from '../../gateway/host-name.ts';
import type { InterceptedHost, ModelPolicy } from '../../gateway/policy.ts';
import type { JobLimits } from '../../limits/limits.ts';
import { modelUrls } from './model-entries.ts';

export interface JobModels {
  policy: ModelPolicy;
  /** The hosts of which TLS has to be intercepted. */
  intercepted: InterceptedHost[];
}

interface ModelRequest {
  config: Pick<Config, 'limits' | 'prices'>;
  limits: JobLimits;
  /** The variables that the agent gets. */
  variables: readonly (readonly [name: string, value: string])[];
  /** The endpoints that the request names. */
  endpoints?: readonly URL[];
  /** Hosts that are intercepted anyway, for credentials. */
  others: readonly InterceptedHost[];
}

/** Without a limit, only what is intercepted anyway is counted. Undefined if that is nothing. */
export function modelPolicy({
  config,
  limits,
  variables,
  endpoints = [],
  others,
}: ModelRequest): JobModels | undefined {
  const { max_tokens: maxTokens, max_cost: maxCost } = limits;
  const isLimited = maxTokens !== undefined || maxCost !== undefined;
  const urls = [...modelUrls(variables), ...endpoints, ...config.limits.modelHosts.map(parseModelHost)];
  const found = new Map(urls.flatMap((url) => hostOf(url) ?? []).map((each) => [keyOf(each), each]));
  const isIntercepted = new Set(others.map(keyOf));
  const counted = [...found.values()].filter((each) => isLimited || isIntercepted.has(keyOf(each)));
  if (counted.length === 0) return undefined;
  const hosts = counted.map(({ host, port }) => ({ host, port }));
  return {
    policy: {
      hosts,
      ...(maxTokens !== undefined && { maxTokens }),
      ...(maxCost !== undefined && { maxCost }),
      prices: config.prices,
    },
    intercepted: counted.filter(({ isPlain }) => !isPlain).map(({ host, port }) => ({ host, port })),
  };
}

const keyOf = ({ host, port }: InterceptedHost) => `${host} ${port}`;

function hostOf(url: URL): (InterceptedHost & { isPlain: boolean }) | undefined {
  const host = parseHost(url.hostname.replaceAll(/[[\]]/g, ''));
  const isPlain = url.protocol === 'http:';
  return host && { host: host.text, port: Number(url.port) || (isPlain ? 80 : 443), isPlain };
}
