import { tryParseJson } from '../../lib/json.ts';
import type { AgentSettings } from '../drivers/driver.ts';
import type { Adapter, CommandLine } from './adapter.ts';

/** `PLAN42_AGENT_COMMAND` as a list: a JSON list of strings, or words separated by spaces. */
function command(env: NodeJS.ProcessEnv): [string, ...string[]] {
  const text = env['PLAN42_AGENT_COMMAND']?.trim() ?? '';
  const words = text.startsWith('[') ? tryParseJson(text) : text.split(/\s+/);
  const [program = '', ...args] = Array.isArray(words) ? words.map(String) : [];
  return [program, ...args];
}

// Only its image knows what it does.
function withoutWebSearch(env: NodeJS.ProcessEnv): true | string {
  return env['PLAN42_AGENT_WEB_SEARCH'] === 'never' || 'it does not say PLAN42_AGENT_WEB_SEARCH=never';
}

function commandLine({ env, prompt, model, reasoningLevel }: AgentSettings): CommandLine {
  return {
    command: command(env),
    env: {
      ...(model ? { PLAN42_MODEL: model } : {}),
      ...(reasoningLevel ? { PLAN42_REASONING_LEVEL: reasoningLevel } : {}),
    },
    input: prompt,
    withoutWebSearch: withoutWebSearch(env),
  };
}

/** The command of the image. With `PLAN42_AGENT_PROTOCOL=command` it reads the prompt and writes the answer as text. */
export function custom(env: NodeJS.ProcessEnv): Adapter {
  const isText = env['PLAN42_AGENT_PROTOCOL'] === 'command';
  return {
    ...{ name: 'custom', packages: {}, keys: [], hosts: [] },
    ...(isText
      ? { commandLine }
      : { acp: ({ env }) => ({ command: command(env), withoutWebSearch: withoutWebSearch(env) }) }),
  };
}
