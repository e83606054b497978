import type { AgentSettings } from '../drivers/driver.ts';
import type { Adapter } from './adapter.ts';
import { readOpencode } from './readers/opencode.ts';

function config({ env, model, webSearch }: AgentSettings): string {
  const providers = ['anthropic', 'openai'].flatMap((name) => {
    const baseURL = env[`${name.toUpperCase()}_BASE_URL`];
    // Its URLs include the version; Anthropic's own does not.
    return baseURL ? [[name, { options: { baseURL: baseURL.replace(/(?:\/v1)?\/?$/, '/v1') } }]] : [];
  });
  return JSON.stringify({
    autoupdate: false,
    share: 'disabled',
    permission: { '*': 'allow', ...(webSearch ? {} : { webfetch: 'deny', websearch: 'deny' }) },
    ...(providers.length > 0 ? { provider: Object.fromEntries(providers) } : {}),
    ...(model ? { model } : {}),
  });
}

/** OpenCode, which speaks the Agent Client Protocol itself. A configuration in the environment takes precedence. */
export const opencode: Adapter = {
  name: 'opencode',
  packages: { npm: ['opencode-ai'] },
  keys: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY', 'OPENCODE_API_KEY'],
  hosts: ['models.dev', 'models.opencode.ai', 'api.anthropic.com', 'api.openai.com'],
  acp: (settings) => ({
    command: ['opencode', 'acp'],
    env: { OPENCODE_CONFIG_CONTENT: settings.env['OPENCODE_CONFIG_CONTENT'] ?? config(settings) },
  }),
  commandLine: (settings) => ({
    command: ['opencode', 'run', '--format', 'json', '--auto', ...(settings.resume ? ['-s', settings.resume] : [])],
    env: { OPENCODE_CONFIG_CONTENT: settings.env['OPENCODE_CONFIG_CONTENT'] ?? config(settings) },
    input: settings.prompt,
    read: readOpencode,
  }),
};
