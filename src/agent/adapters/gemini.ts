import type { AgentSettings } from '../drivers/driver.ts';
import type { Adapter, Launch } from './adapter.ts';
import { readGemini } from './readers/gemini.ts';

const settingsFile = '.plan42/gemini-settings.json';

// Without a type of key, it asks. In the settings of the system, because the user's may be mounted.
function withSettings({ env, webSearch }: AgentSettings): Pick<Launch, 'env' | 'files'> {
  const selectedType = env['GOOGLE_API_KEY'] ? 'vertex-ai' : 'gemini-api-key';
  const settings = {
    general: { enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    ...(env['GEMINI_API_KEY'] || env['GOOGLE_API_KEY'] ? { security: { auth: { selectedType } } } : {}),
    ...(webSearch ? {} : { tools: { exclude: ['google_web_search', 'web_fetch'] } }),
  };
  const path = `${env['HOME'] ?? '/root'}/${settingsFile}`;
  return { env: { GEMINI_CLI_SYSTEM_SETTINGS_PATH: path }, files: { [settingsFile]: JSON.stringify(settings) } };
}

const trust = ['--skip-trust', '--approval-mode', 'yolo'];
const options = ({ model }: AgentSettings) => [...trust, ...(model ? ['--model', model] : [])];

/** Gemini CLI, which speaks the Agent Client Protocol itself. */
export const gemini: Adapter = {
  name: 'gemini',
  packages: { npm: ['@google/gemini-cli'] },
  keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  hosts: ['generativelanguage.googleapis.com'],
  server: { variable: 'GOOGLE_GEMINI_BASE_URL', url: 'https://generativelanguage.googleapis.com' },
  acp: (settings) => ({ command: ['gemini', '--acp', ...options(settings)], mode: 'yolo', ...withSettings(settings) }),
  commandLine: (settings) => ({
    command: ['gemini', ...options(settings), '--output-format', 'stream-json'],
    ...withSettings(settings),
    input: settings.prompt,
    read: readGemini,
  }),
};
