import type { Variable } from '../../config/variables.ts';
import { type Entry, InvalidEntry, parseEntry } from '../../gateway/entries.ts';

/** A key that the configuration gives to jobs says that they may use the model. */
const presetOfKey: Readonly<Record<string, string>> = {
  ANTHROPIC_API_KEY: 'anthropic',
  ANTHROPIC_AUTH_TOKEN: 'anthropic',
  CLAUDE_CODE_OAUTH_TOKEN: 'anthropic',
  OPENAI_API_KEY: 'openai',
  GEMINI_API_KEY: 'gemini',
  GOOGLE_API_KEY: 'gemini',
};

/** An address of a model in `jobs.env`, such as ANTHROPIC_BASE_URL. */
const baseUrl = /^(ANTHROPIC|OPENAI|GEMINI|GOOGLE_GEMINI|AZURE_OPENAI|OLLAMA)_(BASE_URL|API_BASE|ENDPOINT|HOST)$/;

/** The hosts of the models that `jobs.env` configures. */
export function modelEntries(variables: readonly Variable[], env: NodeJS.ProcessEnv): Entry[] {
  return variables.flatMap(({ name, value = env[name] }) => {
    const preset = presetOfKey[name];
    if (preset !== undefined) return parseEntry(preset);
    const url = baseUrl.test(name) ? URL.parse(value ?? '') : null;
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    try {
      return parseEntry(`${url.hostname}:${port}`);
    } catch (error) {
      if (error instanceof InvalidEntry) return [];
      throw error;
    }
  });
}
