/** A server and a runner that work for repositories of a {@link AgentSetting}. */
import { randomUUID } from 'node:crypto';
import { type AgentSetting, token } from './agent-setting.ts';
import type { TestControlPlane } from './control-plane.ts';
import { makeRepo } from './github/state.ts';

/** Returns the ID of a GitHub connection that the first runner has. */
export async function createConnection(plane: TestControlPlane): Promise<string> {
  const id = randomUUID();
  const RunnerID = plane.runner.split('/').at(-1);
  await plane.call('PUT', `github-connections/${id}`, { body: { Private: true, RunnerID } });
  return id;
}

/** Lines of the runner's configuration. */
export function connectionConfig(id: string, { git }: AgentSetting): string {
  return `[github.test]\nconnection_id = "${id}"\nurl = "${git.url}"\ntoken = "${token}"\n`;
}

/** Variables of an environment. */
export function variablesOf(variables: NodeJS.ProcessEnv): { Name: string; Value: string; IsSecret: boolean }[] {
  return Object.entries(variables).map(([Name, Value = '']) => ({ Name, Value, IsSecret: false }));
}

/** Creates a repository at the git server and at GitHub, and returns its name. */
export async function createRepository(
  { git, github }: AgentSetting,
  name: string,
  files: Record<string, string> = { 'README.md': 'An app\n' },
): Promise<string> {
  github.state.repos.set(name, makeRepo());
  await git.create(name);
  await git.commit(name, files);
  return name;
}
