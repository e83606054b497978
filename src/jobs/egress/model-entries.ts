import type { Variable } from '../../config/variables.ts';
import { type Entry, InvalidEntry, parseEntry, parseHostEntry } from '../../gateway/entries.ts';

/** Keys of models that the providers' hosts, or those of a URL in another variable, get. */
const keyPattern =
  /^(ANTHROPIC|CLAUDE_CODE|OPENAI|CODEX|AZURE_OPENAI|GEMINI|GOOGLE|OPENROUTER|DEEPSEEK|OPENCODE|MISTRAL|GROQ|XAI)_(API_KEY|AUTH_TOKEN|OAUTH_TOKEN)$/;

/** A key that the configuration gives to jobs says that they may use the model. The entry is a preset, or a host. */
const entryOfKey: Readonly<Record<string, string>> = {
  ANTHROPIC_API_KEY: 'anthropic',
  ANTHROPIC_AUTH_TOKEN: 'anthropic',
  CLAUDE_CODE_OAUTH_TOKEN: 'anthropic',
  OPENAI_API_KEY: 'openai',
  CODEX_API_KEY: 'openai',
  GEMINI_API_KEY: 'gemini',
  GOOGLE_API_KEY: 'gemini',
  OPENROUTER_API_KEY: 'openrouter.ai',
  DEEPSEEK_API_KEY: 'api.deepseek.com',
  OPENCODE_API_KEY: 'opencode.ai',
  MISTRAL_API_KEY: 'api.mistral.ai',
  GROQ_API_KEY: 'api.groq.com',
  XAI_API_KEY: 'api.x.ai',
};

/** An address of a model in `jobs.env`, such as ANTHROPIC_BASE_URL. */
const baseUrl =
  /^(ANTHROPIC|OPENAI|GEMINI|GOOGLE_GEMINI|AZURE_OPENAI|OLLAMA|OPENROUTER|DEEPSEEK|OPENCODE|MISTRAL|GROQ|XAI)_(BASE_URL|API_BASE|ENDPOINT|HOST)$/;

/** The hosts of the models that `jobs.env` configures. */
export function modelEntries(variables: readonly Variable[], env: NodeJS.ProcessEnv): Entry[] {
  return variables.flatMap(({ name, value = env[name] }) => {
    const entry = entryOfKey[name];
    if (entry !== undefined) return parseEntry(entry, name);
    const url = baseUrlOf(name, value);
    return url === undefined ? [] : entriesOfUrl(url, name);
  });
}

/** @param label as for `parseEntry` */
export function entriesOfUrl(url: URL, label?: string): Entry[] {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  try {
    return parseHostEntry(`${url.hostname}:${port}`, label);
  } catch (error) {
    if (error instanceof InvalidEntry) return [];
    throw error;
  }
}

/** Hosts of models that everyone can use, beside those of the keys. Their APIs have the shape of OpenAI's. */
const otherHosts = ['api.together.xyz', 'api.cerebras.ai', 'api.fireworks.ai', 'api.moonshot.ai'];

/** The URLs of all hosts that are known to be those of models, and of those that variables name. */
export function modelUrls(variables: readonly (readonly [name: string, value: string])[]): URL[] {
  const ofKeys = [...new Set(Object.values(entryOfKey))].flatMap((text) =>
    parseEntry(text).flatMap((entry) => (entry.kind === 'host' ? [entry.host] : [])),
  );
  const named = variables.flatMap(([name, value]) => baseUrlOf(name, value) ?? []);
  return [...[...ofKeys, ...otherHosts].map((host) => new URL(`https://${host}`)), ...named];
}

function baseUrlOf(name: string, value: string | undefined): URL | undefined {
  const url = baseUrl.test(name) ? URL.parse(value ?? '') : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}

/**
 * The URLs of the hosts that a key of a model is for: those that other variables name, else the provider's own. Undefined if
 * the variable is no such key.
 */
export function hostsOfModelKey(name: string, variables: ReadonlyMap<string, string>): URL[] | undefined {
  const provider = keyPattern.exec(name)?.[1];
  if (provider === undefined) return undefined;
  const prefix = { CLAUDE_CODE: 'ANTHROPIC', CODEX: 'OPENAI', GOOGLE: 'GEMINI' }[provider] ?? provider;
  const isOfProvider = (other: string) => other.replace(/^GOOGLE_GEMINI_/, 'GEMINI_').startsWith(`${prefix}_`);
  const urls = [...variables].flatMap(([other, value]) => (isOfProvider(other) ? (baseUrlOf(other, value) ?? []) : []));
  const entry = entryOfKey[name];
  if (urls.length > 0 || entry === undefined) return urls;
  return parseEntry(entry).flatMap((each) => (each.kind === 'host' ? new URL(`https://${each.host}`) : []));
}
