import type { AgentSettings } from '../drivers/driver.ts';
import type { Adapter } from './adapter.ts';
import { codexExec } from './readers/codex.ts';

// The built-in provider ignores OPENAI_BASE_URL and connects by WebSocket, which proxies break. A subscription keeps it.
function provider({ env }: AgentSettings): Record<string, string | boolean> | undefined {
  const name = ['CODEX_API_KEY', 'OPENAI_API_KEY'].find((name) => env[name]);
  if (name === undefined) return undefined;
  const url = env['OPENAI_BASE_URL'] || 'https://api.openai.com/v1';
  return { name: 'OpenAI', base_url: url, env_key: name, wire_api: 'responses', supports_websockets: false };
}

function config(settings: AgentSettings): Record<string, unknown> {
  const { model, reasoningLevel, webSearch } = settings;
  const own = provider(settings);
  return {
    web_search: webSearch ? 'live' : 'disabled',
    ...(model ? { model } : {}),
    ...(reasoningLevel ? { model_reasoning_effort: reasoningLevel } : {}),
    ...(own ? { model_provider: 'plan42', model_providers: { plan42: own } } : {}),
  };
}

/** Codex, by its adapter `codex-acp` or by its own command line. */
export const codex: Adapter = {
  name: 'codex',
  packages: { npm: ['@agentclientprotocol/codex-acp'] },
  keys: ['OPENAI_API_KEY', 'CODEX_API_KEY'],
  server: { variable: 'OPENAI_BASE_URL', url: 'https://api.openai.com/v1' },
  hosts: ['api.openai.com', 'chatgpt.com', 'auth.openai.com'],
  acp: (settings) => ({
    command: ['codex-acp'],
    env: { CODEX_CONFIG: JSON.stringify(config(settings)), INITIAL_AGENT_MODE: 'agent-full-access', NO_BROWSER: '1' },
    mode: 'agent-full-access',
    authMethod: 'api-key',
  }),
  commandLine: (settings) => ({ ...codexExec(config(settings), settings.resume), input: settings.prompt }),
};
