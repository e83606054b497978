import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
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

/**
 * Returns the folder below a clone in which the agent starts, `PLAN42_FOLDER`. Empty for the clone itself, also if the commit
 * has no such folder.
 */
export async function openSubfolder(
  { name, folder }: Clone,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string> {
  const wanted = env['PLAN42_FOLDER'] ?? '';
  if (wanted === '') return '';
  const [top, found] = await Promise.all([realpath(folder), realpath(join(folder, wanted)).catch(() => '')]);
  const isFolder = found !== '' && (await stat(found)).isDirectory();
  if (isFolder && found.startsWith(`${top}/`)) return relative(top, found);
  log(`There is no folder ${wanted} in ${name}, so the agent starts at its top.`);
  return '';
}

/** Returns what the prompt says about a clone. */
export async function describeForPrompt(
  cloned: Clone,
  { env, subfolder }: { env: NodeJS.ProcessEnv; subfolder: string },
): Promise<PromptRepository> {
  const { name, folder, targetBranch, pushed } = cloned;
  return {
    name,
    folder,
    subfolder,
    targetBranch,
    instructions: instructionsFor(folder, subfolder),
    conflicts: pushed === undefined ? [] : await conflictsWithTarget(cloned, env),
    hasWork: pushed !== undefined,
  };
}

/** The files with instructions, from the top down to where the agent starts, and as they are called there. */
function instructionsFor(folder: string, subfolder: string): string[] {
  const start = join(folder, subfolder);
  const parts = subfolder === '' ? [] : subfolder.split('/');
  const folders = [folder, ...parts.map((_, index) => join(folder, ...parts.slice(0, index + 1)))];
  const files = folders.flatMap((each) => instructionFiles.map((file) => join(each, file)));
  return files.filter((file) => existsSync(file)).map((file) => relative(start, file));
}
