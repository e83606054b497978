import type { Adapter } from './adapter.ts';
import { readClaude } from './readers/claude.ts';

const webTools = ['WebSearch', 'WebFetch'];
const env = {
  // It refuses to skip permissions as root, except in a sandbox.
  IS_SANDBOX: '1',
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
};

function keyCheck({ ANTHROPIC_API_KEY: key }: NodeJS.ProcessEnv) {
  return key ? { path: '/v1/models', headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' } } : undefined;
}

/** Claude Code, by its adapter `claude-agent-acp` or by its own command line. */
export const claude: Adapter = {
  name: 'claude',
  packages: { npm: ['@agentclientprotocol/claude-agent-acp'] },
  keys: ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_AUTH_TOKEN'],
  hosts: ['api.anthropic.com'],
  server: { variable: 'ANTHROPIC_BASE_URL', url: 'https://api.anthropic.com', keyCheck },
  acp: ({ model, webSearch }) => ({
    command: ['claude-agent-acp'],
    env: { ...env, ...(model ? { ANTHROPIC_MODEL: model } : {}) },
    mode: 'bypassPermissions',
    withoutWebSearch: true,
    sessionMeta: webSearch ? {} : { claudeCode: { options: { disallowedTools: webTools } } },
  }),
  commandLine: ({ prompt, model, reasoningLevel, webSearch, resume }) => {
    const options = ['--print', '--verbose', '--output-format', 'stream-json', '--dangerously-skip-permissions'];
    if (model) options.push('--model', model);
    if (reasoningLevel) options.push('--effort', reasoningLevel);
    if (resume) options.push('--resume', resume);
    if (!webSearch) options.push('--disallowedTools', ...webTools);
    const continues = resume !== undefined;
    return { command: ['claude', ...options], env, input: prompt, read: readClaude, continues, withoutWebSearch: true };
  },
};
