import type { Adapter } from './adapter.ts';
import { readGemini } from './readers/gemini.ts';
import { geminiOptions, geminiSettings } from './settings/gemini.ts';

/** Gemini CLI, which speaks the Agent Client Protocol itself. */
export const gemini: Adapter = {
  name: 'gemini',
  packages: { npm: ['@google/gemini-cli'] },
  keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  hosts: ['generativelanguage.googleapis.com'],
  server: {
    variable: 'GOOGLE_GEMINI_BASE_URL',
    url: 'https://generativelanguage.googleapis.com',
    keyCheck: ({ GEMINI_API_KEY: key }) =>
      key ? { path: '/v1beta/models', headers: { 'x-goog-api-key': key } } : undefined,
  },
  acp: (settings) => ({
    command: ['gemini', '--acp', ...geminiOptions(settings)],
    mode: 'yolo',
    ...geminiSettings(settings, { isPrivate: false }),
  }),
  commandLine: (settings) => ({
    command: ['gemini', ...geminiOptions(settings), '--output-format', 'stream-json'],
    // It refuses a key for another server, unless settings that it accepts say so.
    ...geminiSettings(settings, { isPrivate: Boolean(settings.env['GOOGLE_GEMINI_BASE_URL']) }),
    input: settings.prompt,
    read: readGemini,
  }),
};
