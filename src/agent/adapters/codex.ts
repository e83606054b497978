import type { Adapter } from './adapter.ts';
import { codexExec } from './readers/codex.ts';
import { codexConfiguration } from './settings/codex.ts';

/** Codex, by its adapter `codex-acp` or by its own command line. */
export const codex: Adapter = {
  name: 'codex',
  packages: { npm: ['@agentclientprotocol/codex-acp'] },
  keys: ['OPENAI_API_KEY', 'CODEX_API_KEY'],
  server: {
    variable: 'OPENAI_BASE_URL',
    url: 'https://api.openai.com/v1',
    keyCheck: ({ CODEX_API_KEY, OPENAI_API_KEY }) => {
      const key = CODEX_API_KEY || OPENAI_API_KEY;
      return key ? { path: '/models', headers: { authorization: `Bearer ${key}` } } : undefined;
    },
  },
  hosts: ['api.openai.com', 'chatgpt.com', 'auth.openai.com'],
  acp: (settings) => ({
    command: ['codex-acp'],
    env: {
      CODEX_CONFIG: JSON.stringify(codexConfiguration(settings)),
      INITIAL_AGENT_MODE: 'agent-full-access',
      NO_BROWSER: '1',
    },
    mode: 'agent-full-access',
    authMethod: 'api-key',
    withoutWebSearch: true,
  }),
  commandLine: (settings) => ({
    ...codexExec(codexConfiguration(settings), settings.resume),
    input: settings.prompt,
    continues: settings.resume !== undefined,
    withoutWebSearch: true,
  }),
};
