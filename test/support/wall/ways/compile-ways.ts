import { join } from 'node:path';
import { run } from '../../engines/processes.ts';

const source = join(import.meta.dirname, '../../../../src');

/** Compiles the program that tries ways out of a container; returns its path. */
export async function compileWays(folder: string): Promise<string> {
  const path = join(folder, 'ways');
  const flags = ['-std=gnu17', '-Os', '-ffreestanding', '-fno-builtin', '-fno-stack-protector', '-fno-pic'];
  const linking = ['-static', '-nostdlib', '-no-pie'];
  const sources = [
    ...['ways.c', 'ask.c'].map((file) => join(import.meta.dirname, file)),
    join(source, 'lib/c/system.c'),
  ];
  await run('cc', [...flags, ...linking, '-I', join(source, 'wall/init'), ...sources, '-o', path]);
  return path;
}
