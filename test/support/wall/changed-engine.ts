import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../engines/processes.ts';

/**
 * Makes a command of the engine's name that replaces arguments of `run`, as a configuration or a faulty engine might, and else
 * is the engine's own. Returns the PATH that finds it first.
 */
export async function makeChangedEngine(
  name: string,
  folder: string,
  replacements: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const real = (await run('sh', ['-c', `command -v ${name}`])).trim();
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const cases = Object.entries(replacements).map(
    ([from, to]) => `    ${from}) set -- "$@" ${to.map(quote).join(' ')} ;;`,
  );
  const script = `#!/bin/sh
[ "$1" = run ] || exec ${real} "$@"
count=$#
while [ $((count -= 1)) -ge 0 ]; do
  argument=$1
  shift
  case $argument in
${cases.join('\n')}
    *) set -- "$@" "$argument" ;;
  esac
done
exec ${real} "$@"
`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), script, { mode: 0o755 });
  return `${folder}${delimiter}${process.env['PATH']}`;
}
