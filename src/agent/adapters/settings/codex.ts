/** The configuration of Codex, for its arguments or its variable. */
import type { AgentSettings } from '../../drivers/driver.ts';

export function codexConfiguration(settings: AgentSettings): Record<string, unknown> {
  const { model, reasoningLevel, webSearch } = settings;
  const own = provider(settings);
  return {
    web_search: webSearch ? 'live' : 'disabled',
    ...(model ? { model } : {}),
    ...(reasoningLevel ? { model_reasoning_effort: reasoningLevel } : {}),
    ...(own ? { model_provider: 'plan42', model_providers: { plan42: own } } : {}),
  };
}

// The built-in provider ignores OPENAI_BASE_URL and connects by WebSocket, which proxies break. A subscription keeps it.
function provider({ env }: AgentSettings): Record<string, string | boolean> | undefined {
  const name = ['CODEX_API_KEY', 'OPENAI_API_KEY'].find((name) => env[name]);
  if (name === undefined) return undefined;
  const url = env['OPENAI_BASE_URL'] || 'https://api.openai.com/v1';
  return { name: 'OpenAI', base_url: url, env_key: name, wire_api: 'responses', supports_websockets: false };
}
