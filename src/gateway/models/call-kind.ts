/** The calls of APIs of models that use tokens, by their paths. */
export type CallKind = 'anthropic-messages' | 'openai-chat' | 'openai-responses' | 'openai-embeddings' | 'gemini';

const kinds: readonly [ending: RegExp, kind: CallKind][] = [
  [/\/messages$/, 'anthropic-messages'],
  [/\/(chat\/)?completions$/, 'openai-chat'],
  [/\/responses(\/compact)?$/, 'openai-responses'],
  [/\/embeddings$/, 'openai-embeddings'],
  [/:(generateContent|streamGenerateContent)$/, 'gemini'],
];

/** They use none, or count them for free. */
const free = /(\/count_tokens|\/input_tokens|:countTokens|\/responses\/[^/]+\/cancel)$/;
/** Programs of Anthropic send this beside their calls of models. */
const telemetry = /^\/api\//;

/** Methods of calls that use no tokens. */
export const withoutBody: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/** Undefined for a call that uses no tokens; `unknown` if it may use some that cannot be counted. */
export function callKind(method: string, path: string, host = ''): CallKind | 'unknown' | undefined {
  if (withoutBody.has(method)) return undefined;
  const [plain = ''] = path.split('?', 1);
  if (free.test(plain) || (host === 'api.anthropic.com' && telemetry.test(plain))) return undefined;
  return kinds.find(([ending]) => ending.test(plain))?.[1] ?? 'unknown';
}

/** The model that the path names, as that of Gemini does; empty if it names none. */
export function modelInPath(path: string): string {
  return /\/models\/([^/:?]{1,200}):/.exec(path)?.[1] ?? '';
}

const providers: Readonly<Record<string, string>> = {
  'api.anthropic.com': 'Anthropic',
  'api.openai.com': 'OpenAI',
  'generativelanguage.googleapis.com': 'Google',
};

/** The name of the company that serves the models of a host, or the host. */
export function providerOf(host: string): string {
  return providers[host] ?? host;
}
