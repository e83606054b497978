/** The settings of Gemini CLI, and the policy that keeps the web from it. */
import { readdirSync } from 'node:fs';
import type { AgentSettings } from '../../drivers/driver.ts';
import type { Launch } from '../adapter.ts';

const home = '.plan42/gemini';
const settingsFile = `${home}/.gemini/settings.json`;
const policyFile = `${home}/no-web.toml`;
const policy = '[[rule]]\ntoolName = ["google_web_search", "web_fetch"]\ndecision = "deny"\npriority = 999\n';
const systemPolicies = ['/etc/gemini-cli/policies', '/Library/Application Support/GeminiCli/policies'];

/** The arguments by which it asks for nothing, and whether the web is kept from it. */
export function geminiOptions({ env, model, webSearch }: AgentSettings): string[] {
  const options = ['--skip-trust', '--approval-mode', 'yolo', ...(model ? ['--model', model] : [])];
  // Its settings can forbid tools too, but are ignored if a user other than root can change them.
  return webSearch ? options : [...options, '--admin-policy', pathOf(policyFile, env)];
}

/** `isPrivate` replaces the user's settings too. */
export function geminiSettings({ env }: AgentSettings, { isPrivate }: { isPrivate: boolean }): Omit<Launch, 'command'> {
  // Without a type of key, it asks.
  const selectedType = env['GOOGLE_API_KEY'] ? 'vertex-ai' : 'gemini-api-key';
  const hasKey = Boolean(env['GEMINI_API_KEY'] || env['GOOGLE_API_KEY']);
  const settings = {
    general: { enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    ...(hasKey ? { security: { auth: { selectedType } } } : {}),
  };
  return {
    env: {
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: pathOf(settingsFile, env),
      ...(isPrivate && hasKey ? { GEMINI_CLI_HOME: pathOf(home, env) } : {}),
    },
    files: { [settingsFile]: JSON.stringify(settings), [policyFile]: policy },
    withoutWebSearch: problemWithPolicies(systemPolicies) ?? true,
  };
}

function pathOf(file: string, env: NodeJS.ProcessEnv): string {
  return `${env['HOME'] ?? '/root'}/${file}`;
}

/** Returns why our policy would not count. Undefined if it does. */
export function problemWithPolicies(folders: readonly string[]): string | undefined {
  const own = folders.find((folder) => listFiles(folder).some((name) => name.endsWith('.toml')));
  return own === undefined ? undefined : `it ignores our policy, because there are others in ${own}`;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
