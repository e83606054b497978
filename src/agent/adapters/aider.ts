import type { Adapter } from './adapter.ts';
import { readAider } from './readers/aider.ts';

const promptFile = '.plan42/aider-prompt.md';

/** Aider, by its command line. It writes its answer and its progress as text. */
export const aider: Adapter = {
  name: 'aider',
  packages: { pip: ['aider-chat'] },
  keys: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY', 'DEEPSEEK_API_KEY'],
  hosts: ['api.anthropic.com', 'api.openai.com'],
  commandLine: ({ prompt, model, reasoningLevel, webSearch, env }) => ({
    command: [
      ...(['aider', '--yes-always', '--no-auto-commits', '--no-pretty', '--no-stream', '--no-gitignore'] as const),
      ...['--no-check-update', '--no-show-release-notes', '--analytics-disable', '--no-suggest-shell-commands'],
      ...(webSearch ? [] : ['--no-detect-urls', '--disable-playwright']),
      ...(model ? ['--model', model] : []),
      ...(reasoningLevel ? ['--reasoning-effort', reasoningLevel] : []),
      // An argument can have 128 KB at most.
      ...['--message-file', `${env['HOME'] ?? '/root'}/${promptFile}`],
    ],
    // Its history does not belong to the repository.
    env: {
      AIDER_CHAT_HISTORY_FILE: '/dev/null',
      AIDER_INPUT_HISTORY_FILE: '/dev/null',
      OPENAI_API_BASE: env['OPENAI_API_BASE'] ?? env['OPENAI_BASE_URL'] ?? '',
    },
    // A prompt that begins with a slash would be one of its commands, such as `/web`.
    files: { [promptFile]: `\n${prompt}` },
    readText: readAider,
    withoutWebSearch: true,
  }),
};
