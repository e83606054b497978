import type { Adapter } from './adapter.ts';
import { readOpencode } from './readers/opencode.ts';
import { opencodeSettings } from './settings/opencode.ts';

/** OpenCode, which speaks the Agent Client Protocol itself. */
export const opencode: Adapter = {
  name: 'opencode',
  packages: { npm: ['opencode-ai'] },
  keys: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY', 'OPENCODE_API_KEY'],
  hosts: ['models.dev', 'models.opencode.ai', 'api.anthropic.com', 'api.openai.com'],
  acp: (settings) => ({ command: ['opencode', 'acp'], ...opencodeSettings(settings) }),
  commandLine: (settings) => ({
    command: ['opencode', 'run', '--format', 'json', '--auto', ...(settings.resume ? ['-s', settings.resume] : [])],
    ...opencodeSettings(settings),
    input: settings.prompt,
    read: readOpencode,
    reportsToolsLate: true,
    continues: settings.resume !== undefined,
  }),
};
