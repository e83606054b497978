import { redact } from '../../lib/redact.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { AgentFailure, type FailureKind } from './driver.ts';

/** Error messages of agents and of model providers. The first kind that matches counts, so specific ones come first. */
const kinds: readonly (readonly [FailureKind, RegExp])[] = [
  ['unreachable', /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ConnectionRefused/],
  ['unreachable', /failed to lookup address|could not resolve|unable to connect|connection (?:refused|failed|error)/i],
  ['unreachable', /fetch failed|failed to fetch|error sending request|network error|Client network socket/i],
  ['no-key', /not logged in|please (?:run )?\/?log ?in|please set an auth method|authentication required/i],
  ['no-key', /no api key|api key (?:is )?(?:not found|missing|required)|missing (?:api key|environment variable)/i],
  ['no-key', /must specify the \w{1,40}(?:KEY|TOKEN)|set the \w{1,40}_API_KEY|could not resolve authentication/i],
  [
    'limit',
    /insufficient_quota|quota|credit balance|billing|usage limit|limit reached|budget|context window exceeded/i,
  ],
  [
    'key-refused',
    /(?:error|status|code|http)\W{0,12}40[13]\b|\b40[13] \w|invalid.{0,8}api.?key|incorrect api key|api key not valid|authentication_?error/i,
  ],
  ['key-refused', /permission_error|unauthori[sz]ed|forbidden|api_key_invalid/i],
  [
    'overloaded',
    /(?:error|status|code|http)\W{0,12}(?:429|5\d\d)\b|\b(?:429|50[0234]|529) \w|overloaded|rate.?limit|InternalServerError|too many requests|high demand|resource_exhausted/i,
  ],
  ['refused', /^refusal: /],
];

export interface FailureFacts {
  /** The error message of the agent, its errors, its last message: what describes the failure best comes first. */
  texts: readonly string[];
  exit?: { code: number | null; signal: string | null } | undefined;
  cause?: unknown;
}

/** Explains why an agent did not finish, in one sentence with a remedy. */
export function explainFailure(
  adapter: Adapter,
  env: NodeJS.ProcessEnv,
  { texts, exit, cause }: FailureFacts,
): AgentFailure {
  const found = texts.map(classify).find((found) => found !== undefined);
  const kind = keyProblem(found?.kind, adapter, env) ?? found?.kind ?? 'exited';
  const line = found?.line ?? texts.map(lastLine).find((line) => line !== '') ?? '';
  return new AgentFailure(kind, sentence(kind, { adapter, env, line, exit }), { cause });
}

/** Agents report a key that is refused as if it were missing, and the other way round. */
function keyProblem(
  kind: FailureKind | undefined,
  { keys }: Adapter,
  env: NodeJS.ProcessEnv,
): 'no-key' | 'key-refused' | undefined {
  if ((kind !== 'no-key' && kind !== 'key-refused') || keys.length === 0) return undefined;
  return keys.some((name) => env[name]) ? 'key-refused' : 'no-key';
}

function classify(text: string): { kind: FailureKind; line: string } | undefined {
  const lines = text.split('\n');
  for (const [kind, pattern] of kinds) {
    const line = lines.findLast((line) => pattern.test(line));
    if (line !== undefined) return { kind, line };
  }
  return undefined;
}

interface Failure {
  adapter: Adapter;
  env: NodeJS.ProcessEnv;
  /** The line that describes the failure. */
  line: string;
  exit: FailureFacts['exit'];
}

function sentence(kind: FailureKind, { adapter, env, line, exit }: Failure): string {
  const { name } = adapter;
  const quoted = quote(line);
  const key = adapter.keys.find((key) => env[key]) ?? adapter.keys[0] ?? 'its key';
  switch (kind) {
    case 'no-key':
      return `cannot start ${name}: it has no key of a model provider. Set ${key} in the environment of the task, or before "plan42 run".`;
    case 'key-refused':
      return `cannot run ${name}: the model provider refused the key in ${key}: ${quoted}. Replace the key.`;
    case 'overloaded':
      return `cannot finish: the model provider of ${name} is overloaded: ${quoted}. Run the task again later.`;
    case 'limit':
      return `cannot finish: ${name} reached a limit: ${quoted}. Raise the limit, or split the task.`;
    case 'refused':
      return `cannot finish: the model refused the task. Write the prompt in another way.`;
    case 'unreachable':
      return (
        `cannot reach ${hostOf(line) ?? baseHost(env) ?? adapter.hosts[0] ?? 'the model provider'}: ${quoted}. ` +
        'Allow the host in the environment of the task, and check the proxy.'
      );
    case 'exited':
    case 'hung':
    case 'unresponsive':
    case 'model':
    case 'web-search':
    case 'protocol':
    case 'not-installed':
    case 'unknown-agent':
      return `cannot finish: ${name} ${exitText(exit)}${quoted === '' ? '' : `: ${quoted}`}. See its last lines in the log.`;
  }
}

function exitText(exit: FailureFacts['exit']): string {
  if (exit?.signal)
    return exit.signal === 'SIGKILL' ? 'was killed, probably out of memory' : `stopped by ${exit.signal}`;
  return exit === undefined || exit.code === 0 ? 'reported an error' : `exited with code ${exit.code}`;
}

const maxQuoteLength = 300;

function lastLine(text: string): string {
  return text.split('\n').findLast((line) => /[a-z]{3}/i.test(line)) ?? '';
}

/** The message of a line, without the end of its sentence. Providers respond with JSON. */
function quote(line: string): string {
  const inJson = /"message" ?: ?"((?:[^"\\]|\\.){1,300})/.exec(line)?.[1];
  const text = redact(inJson ?? line).trim();
  return text.slice(0, maxQuoteLength).replace(/[.\s]$/, '');
}

const hostPatterns = [
  /(?:ENOTFOUND|EAI_AGAIN|getaddrinfo) (?:ENOTFOUND |EAI_AGAIN )?([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})/,
  /(?:https?|wss?):\/\/([\w.-]{1,253})/,
];

/** The host that an error message names. */
function hostOf(text: string): string | undefined {
  return hostPatterns.map((pattern) => pattern.exec(text)?.[1]).find((host) => host !== undefined);
}

/** The host that the environment names instead of the provider's. */
function baseHost(env: NodeJS.ProcessEnv): string | undefined {
  const entry = Object.entries(env).find(([name, value]) => /_(?:BASE_URL|API_BASE)$/.test(name) && value);
  return URL.parse(entry?.[1] ?? '')?.hostname;
}
