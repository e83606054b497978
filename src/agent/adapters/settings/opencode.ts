/** The configuration of OpenCode. */
import type { AgentSettings } from '../../drivers/driver.ts';
import type { Launch } from '../adapter.ts';

const noWeb = { webfetch: 'deny', websearch: 'deny' };
// Its own agents. Settings of an agent come before general ones.
const agents = ['build', 'plan', 'general', 'explore'];

/** Variables with our configuration, unless there are others already. */
export function opencodeSettings(settings: AgentSettings): Pick<Launch, 'env' | 'withoutWebSearch'> {
  const { env, webSearch } = settings;
  const own = Object.keys(env).find((name) => /^OPENCODE_(?:CONFIG|PERMISSION)/.test(name));
  return {
    env: {
      OPENCODE_CONFIG_CONTENT: env['OPENCODE_CONFIG_CONTENT'] ?? JSON.stringify(configuration(settings)),
      // Its settings could allow the web again.
      ...(webSearch ? {} : { OPENCODE_DISABLE_PROJECT_CONFIG: '1' }),
    },
    withoutWebSearch: own === undefined ? true : `${own} replaces our settings`,
  };
}

function configuration({ env, model, webSearch }: AgentSettings): Record<string, unknown> {
  const providers = ['anthropic', 'openai'].flatMap((name) => {
    const baseURL = env[`${name.toUpperCase()}_BASE_URL`];
    // Its URLs include the version; Anthropic's own does not.
    return baseURL ? [[name, { options: { baseURL: baseURL.replace(/(?:\/v1)?\/?$/, '/v1') } }]] : [];
  });
  return {
    autoupdate: false,
    share: 'disabled',
    permission: { '*': 'allow', ...(webSearch ? {} : noWeb) },
    ...(webSearch ? {} : { agent: Object.fromEntries(agents.map((name) => [name, { permission: noWeb }])) }),
    ...(providers.length > 0 ? { provider: Object.fromEntries(providers) } : {}),
    ...(model ? { model } : {}),
  };
}
