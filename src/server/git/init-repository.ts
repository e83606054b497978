import { chmod } from 'node:fs/promises';
import { runGit } from './run-git.ts';

// Reflogs would keep what a removed task pushed.
const settings = {
  'core.logAllRefUpdates': 'false',
  'http.getanyfile': 'false',
  'http.receivepack': 'true',
  'receive.advertisePushOptions': 'false',
  'receive.autogc': 'false',
  'receive.denyDeletes': 'false',
  'receive.denyNonFastForwards': 'false',
  'receive.shallowUpdate': 'true',
  'uploadpack.allowFilter': 'true',
} as const;

/** Makes an empty bare repository for the server, with mode 0700. @throws GitMissing */
export async function initRepository(path: string, env: NodeJS.ProcessEnv): Promise<void> {
  await runGit(['init', '--quiet', '--bare', '--template=', '--', path], env);
  await chmod(path, 0o700);
  // Older versions of git have no option for it.
  await runGit(['-C', path, 'symbolic-ref', 'HEAD', 'refs/heads/main'], env);
  for (const [key, value] of Object.entries(settings)) await runGit(['-C', path, 'config', key, value], env);
}
