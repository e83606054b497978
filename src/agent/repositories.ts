import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mapConcurrently } from '../lib/map-concurrently.ts';
import { featureBranchName } from './git/branch-name.ts';
import { type Clone, clone } from './git/clone.ts';
import { folderNames, locate } from './git/locate.ts';
import { conflictsWithTarget } from './git/push.ts';
import type { PromptRepository } from './prompt/prompt.ts';
import type { AgentRequest } from './turn/request.ts';

export interface CloneDeps {
  request: AgentRequest;
  serverUrl: string;
  /** The folder that contains the clones. */
  workspace: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
}

const atOnce = 4;

/** Clones all repositories of the turn. @throws TurnFailure */
export async function cloneAll({ request, serverUrl, workspace, ...options }: CloneDeps): Promise<Clone[]> {
  const locations = request.repos.map((name) => locate(name, request, serverUrl));
  const folders = folderNames(request.repos);
  return await mapConcurrently(locations, atOnce, options.signal, async (location, signal) => {
    const { FeatureBranch, TargetBranch } = request.repoInfo[location.name] ?? {};
    const cloned = await clone(location, {
      ...options,
      folder: join(workspace, folders.get(location.name) ?? location.name),
      featureBranch: FeatureBranch || featureBranchName(request.title, request.taskId),
      targetBranch: TargetBranch ?? '',
      signal,
    });
    options.log(`Cloned ${location.name}: ${describe(cloned)}`);
    return cloned;
  });
}

function describe({ featureBranch, targetBranch, baseline, pushed }: Clone): string {
  if (baseline === undefined) return 'it is empty.';
  const at = baseline.slice(0, 10);
  if (pushed !== undefined) return `branch ${featureBranch} at ${at}, with the work of earlier turns.`;
  return `new branch ${featureBranch}, from ${targetBranch} at ${at}.`;
}

const instructionFiles = ['AGENTS.md', 'CLAUDE.md', 'GEMINI.md', '.github/copilot-instructions.md'];

/** Returns what the prompt says about a clone. */
export async function describeForPrompt(cloned: Clone, env: NodeJS.ProcessEnv): Promise<PromptRepository> {
  const { name, folder, targetBranch, pushed } = cloned;
  return {
    name,
    folder,
    targetBranch,
    instructions: instructionFiles.filter((file) => existsSync(join(folder, file))),
    conflicts: pushed === undefined ? [] : await conflictsWithTarget(cloned, env),
    hasWork: pushed !== undefined,
  };
}
