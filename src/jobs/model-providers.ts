/** The models that `[runner]` configures: their fields in the agent's request, their hosts and their keys. */
import type { Config } from '../config/schema.ts';
import { parseEntry } from '../gateway/entries.ts';

export type ModelConfig = Pick<Config, 'runner' | 'modelMappings'>;

interface Provider {
  /** The beginning of its settings. */
  setting: 'openai' | 'claude';
  /** The beginning of its fields in a request. */
  field: 'OpenAI' | 'Claude';
  /** Of its public API. */
  preset: string;
}

const providers: readonly Provider[] = [
  { setting: 'openai', field: 'OpenAI', preset: 'openai' },
  { setting: 'claude', field: 'Claude', preset: 'anthropic' },
];

/** The fields that the configuration replaces in a request. What is not set leaves the request as it is. */
export function modelFields(config: ModelConfig): Record<string, unknown> {
  const mappings = Object.entries(config.modelMappings).map(([name, { provider, model, extendedContext }]) => [
    name,
    { Provider: provider, Model: model, ...(extendedContext && { ExtendedContext: true }) },
  ]);
  const ofProviders = providers.flatMap((provider) => {
    const { endpoint, token } = configured(provider, config);
    return [
      [`${provider.field}Endpoint`, endpoint],
      [`${provider.field}Token`, token],
    ];
  });
  return {
    ...Object.fromEntries(ofProviders.filter(([, value]) => value !== undefined)),
    ...(mappings.length > 0 && { ModelMappings: Object.fromEntries(mappings) }),
  };
}

/** Further arguments of the agent. Older agents do not know them, so they are absent unless they are switched on. */
export function agentSwitches({ runner }: ModelConfig): string[] {
  return [...(runner.noWebsearch ? ['--no-websearch'] : []), ...(runner.noCacheTtl ? ['--no-cache-ttl'] : [])];
}

export interface ModelHosts {
  /** The setting or field that names the hosts. */
  source: string;
  isConfigured: boolean;
  urls: URL[];
}

/** The hosts that an agent needs for the models of its request. */
export function modelHosts(config: ModelConfig, request: Record<string, unknown>): ModelHosts[] {
  return providers.flatMap((provider): ModelHosts[] => {
    const { endpoint, token } = configured(provider, config);
    const setting = `runner.${provider.setting}`;
    const { field } = provider;
    const requested = ofRequest(provider, request);
    return [
      ...(endpoint ? [{ source: `${setting}_endpoint`, isConfigured: true, urls: urlsOf(endpoint) }] : []),
      ...(token && !endpoint ? [{ source: `${setting}_token`, isConfigured: true, urls: publicUrls(provider) }] : []),
      ...(requested.endpoint && !endpoint
        ? [{ source: `${field}Endpoint`, isConfigured: false, urls: urlsOf(requested.endpoint) }]
        : []),
      ...(requested.token && !token && !endpoint && !requested.endpoint
        ? [{ source: `${field}Token`, isConfigured: false, urls: publicUrls(provider) }]
        : []),
    ];
  });
}

export interface ModelKey {
  /** The setting, or the field of a request. */
  name: string;
  value: string;
  /** The hosts that it is for. */
  urls: URL[];
}

/**
 * The keys of an agent's request, in which those of the configuration are already. A configured key is only for the hosts that
 * the configuration names, or the public API: a request from outside cannot send it elsewhere.
 */
export function modelKeys(config: ModelConfig, request: Record<string, unknown>): ModelKey[] {
  return providers.flatMap((provider): ModelKey[] => {
    const { endpoint, token } = configured(provider, config);
    if (token) {
      const urls = endpoint ? urlsOf(endpoint) : publicUrls(provider);
      return [{ name: settingOfKey(provider), value: token, urls }];
    }
    const requested = ofRequest(provider, request);
    if (!requested.token) return [];
    const chosen = endpoint ?? requested.endpoint;
    return [
      {
        name: `${provider.field}Token`,
        value: requested.token,
        urls: chosen ? urlsOf(chosen) : publicUrls(provider),
      },
    ];
  });
}

/** The value of a key that `modelKeys` has named, as it is configured now. */
export function currentModelKey(name: string, config: ModelConfig): string | undefined {
  const provider = providers.find((each) => settingOfKey(each) === name);
  return provider && configured(provider, config).token;
}

const settingOfKey = ({ setting }: Provider) => `runner.${setting}_token`;

/** An empty text counts as not set. */
function configured({ setting }: Provider, { runner }: ModelConfig) {
  const [endpoint, token] =
    setting === 'openai' ? [runner.openaiEndpoint, runner.openaiToken] : [runner.claudeEndpoint, runner.claudeToken];
  return { endpoint: endpoint || undefined, token: token || undefined };
}

function ofRequest({ field }: Provider, request: Record<string, unknown>) {
  return { endpoint: textIn(request, `${field}Endpoint`), token: textIn(request, `${field}Token`) };
}

/** The exact name takes precedence over one with other capitals. */
function textIn(request: Record<string, unknown>, name: string): string | undefined {
  const key = Object.hasOwn(request, name)
    ? name
    : Object.keys(request).find((each) => each.toLowerCase() === name.toLowerCase());
  const value = key === undefined ? undefined : request[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function urlsOf(text: string): URL[] {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '' ? [url] : [];
}

function publicUrls({ preset }: Provider): URL[] {
  return parseEntry(preset).flatMap((entry) => (entry.kind === 'host' ? new URL(`https://${entry.host}`) : []));
}
