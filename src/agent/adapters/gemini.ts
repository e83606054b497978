import type { AgentSettings } from '../drivers/driver.ts';
import type { Adapter, Launch } from './adapter.ts';
import { readGemini } from './readers/gemini.ts';

const settingsFile = '.plan42/gemini-settings.json';

// Without a type of key, it asks. In the settings of the system, because the user's may be mounted.
function withSettings({ env, webSearch }: AgentSettings): Pick<Launch, 'env' | 'files'> {
  const selectedType = env['GOOGLE_API_KEY'] ? 'vertex-ai' : 'gemini-api-key';
  const settings = {
    general: { disableAutoUpdate: true, enableAutoUpdate: false },
    ...(env['GEMINI_API_KEY'] || env['GOOGLE_API_KEY'] ? { security: { auth: { selectedType } } } : {}),
    ...(webSearch ? {} : { tools: { exclude: ['google_web_search', 'web_fetch'] } }),
  };
  return {
    env: {
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: `${env['HOME'] ?? '/root'}/${settingsFile}`,
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
    },
    files: { [settingsFile]: JSON.stringify(settings) },
  };
}

const options = ({ model }: AgentSettings) => [
  ...['--skip-trust', '--approval-mode', 'yolo'],
  ...(model ? ['--model', model] : []),
];

/** Gemini CLI, which speaks the Agent Client Protocol itself. */
export const gemini: Adapter = {
  name: 'gemini',
  packages: { npm: ['@google/gemini-cli'] },
  keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  hosts: ['generativelanguage.googleapis.com'],
  acp: (settings) => ({ command: ['gemini', '--acp', ...options(settings)], mode: 'yolo', ...withSettings(settings) }),
  commandLine: (settings) => ({
    command: ['gemini', ...options(settings), '--output-format', 'stream-json'],
    ...withSettings(settings),
    input: settings.prompt,
    read: readGemini,
  }),
};
