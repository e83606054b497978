/** Command-line agents from npm, as tests use them. PLAN42_TEST_AGENTS has the names of those to test, or `all`. */
import assert from 'node:assert/strict';

export interface RealAgent {
  adapter: string;
  /** `NAME@VERSION` */
  package: string;
  model: string;
  /** The model that the server is asked for, if the agent has its own names. */
  asked?: RegExp;
  /** Passes on the reasoning level. */
  hasLevels?: true;
  /** The environment of the agent, for the URL of the model server. */
  env: (url: string) => NodeJS.ProcessEnv;
}

const anthropic = (url: string) => ({ ANTHROPIC_API_KEY: 'sk-ant-key', ANTHROPIC_BASE_URL: url });
const openai = (url: string) => ({ OPENAI_API_KEY: 'sk-openai-key', OPENAI_BASE_URL: `${url}/v1` });
const google = (url: string) => ({ GEMINI_API_KEY: 'AIza-google-key', GOOGLE_GEMINI_BASE_URL: url });

const agents: Record<string, RealAgent> = {
  'gemini by protocol': {
    adapter: 'gemini',
    package: '@google/gemini-cli@0.61.0',
    model: 'gemini-2.5-flash',
    env: google,
  },
  'gemini by command line': {
    adapter: 'gemini',
    package: '@google/gemini-cli@0.61.0',
    model: 'gemini-2.5-flash',
    env: (url) => ({ ...google(url), PLAN42_AGENT_PROTOCOL: 'command' }),
  },
  'codex by command line': {
    adapter: 'codex',
    package: '@openai/codex@0.171.0',
    model: 'gpt-5',
    hasLevels: true,
    env: openai,
  },
  'codex by protocol': {
    adapter: 'codex',
    package: '@agentclientprotocol/codex-acp@2.6.0',
    model: 'gpt-5',
    hasLevels: true,
    env: openai,
  },
  'claude by command line': {
    adapter: 'claude',
    package: '@anthropic-ai/claude-code@2.1.332',
    model: 'claude-sonnet-5',
    hasLevels: true,
    env: anthropic,
  },
  'claude by protocol': {
    adapter: 'claude',
    package: '@agentclientprotocol/claude-agent-acp@0.101.0',
    model: 'sonnet',
    asked: /sonnet/,
    hasLevels: true,
    // By the protocol, it does not report why it repeats requests.
    env: (url) => ({ ...anthropic(url), CLAUDE_CODE_MAX_RETRIES: '2' }),
  },
  'opencode by command line': {
    adapter: 'opencode',
    package: 'opencode-ai@1.18.33',
    model: 'openai/gpt-5',
    asked: /^gpt-5$/,
    env: (url) => ({ ...openai(url), PLAN42_AGENT_PROTOCOL: 'command' }),
  },
  'opencode by protocol': {
    adapter: 'opencode',
    package: 'opencode-ai@1.18.33',
    model: 'openai/gpt-5',
    asked: /^gpt-5$/,
    env: openai,
  },
};

/** By default, two that are quick to install. */
const wanted = process.env['PLAN42_TEST_AGENTS'] || 'gemini by protocol,claude by command line';

/** Whether to test Aider, which is not from npm. */
export const wantsAider = wanted === 'all' || wanted.split(',').includes('aider');

/** Whether agents were named, so that tests may take their time. */
export const isThorough = Boolean(process.env['PLAN42_TEST_AGENTS']);

/** The agents to test, by name. */
export const wantedAgents: readonly (readonly [name: string, agent: RealAgent])[] = (
  wanted === 'all' ? Object.keys(agents) : wanted.split(',').filter((name) => name !== 'aider')
).map((name) => [name, agents[name] ?? assert.fail(`there is no agent ${name}`)]);
