import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../engines/processes.ts';

/**
 * Makes a command of the engine's name that pauses between the making and the start of a container, while there is a file
 * `pause` beside it, which may have the seconds, and else is the engine's own. Returns the folder, to be put first in the PATH.
 */
export async function makePausingEngine(name: string, folder: string): Promise<string> {
  const real = (await run('sh', ['-c', `command -v ${name}`])).trim();
  await mkdir(folder, { recursive: true });
  const script = `#!/bin/sh
if [ "$1" = run ] && [ -e ${folder}/pause ]; then
  shift
  ${real} create "$@" >/dev/null || exit
  while [ "$1" != --name ]; do shift; done
  seconds=$(cat ${folder}/pause)
  sleep "\${seconds:-0.4}"
  exec ${real} start --attach --interactive "$2"
fi
exec ${real} "$@"
`;
  await writeFile(join(folder, name), script, { mode: 0o755 });
  return `${folder}${delimiter}${process.env['PATH']}`;
}
