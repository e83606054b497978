import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const defaultFolder = '/workspace';

/** The folder that contains the clones. */
export interface Workspace extends AsyncDisposable {
  folder: string;
}

/** Opens `PLAN42_WORKSPACE`, the folder that images have for it, or a temporary one. */
export async function openWorkspace(env: NodeJS.ProcessEnv): Promise<Workspace> {
  const configured = env['PLAN42_WORKSPACE'];
  if (configured) await mkdir(configured, { recursive: true });
  const given = configured || ((await isWritable(defaultFolder)) ? defaultFolder : undefined);
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'plan42-workspace-')));
  return {
    folder,
    async [Symbol.asyncDispose]() {
      if (given === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

export function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
