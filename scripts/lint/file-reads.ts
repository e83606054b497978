/**
 * Opening a named pipe waits for its writer and a device may never end, so that no signal ends the program. So files are
 * read through `src/lib/read-file.ts`, and only these files import a function of Node.js that can open one.
 */
import type { Finding } from './marker-words.ts';

const reader = 'src/lib/read-file.ts';

const openers = new Set([
  'copyFile',
  'copyFileSync',
  'cp',
  'cpSync',
  'createReadStream',
  'createWriteStream',
  'open',
  'openAsBlob',
  'openSync',
  'readFile',
  'readFileSync',
  'ReadStream',
]);

/** Why a file may import an opener. Flags that create a file reject whatever is there already. */
const mayOpen: Readonly<Record<string, readonly [names: string, reason: string]>> = {
  'src/agent/turn/log-spool.ts': ['openSync', 'creates a file'],
  'src/cli/run/git/local-repository.ts': ['copyFile', 'git’s own file, which git itself opens too'],
  'src/cli/run/service/ensure.ts': ['openSync', 'creates a file'],
  'src/config/edit-file.ts': ['open', 'opens for reading and writing, after it was read as a file'],
  'src/lib/short-path.ts': ['open', 'opens a folder'],
  'src/lib/files.ts': ['open', 'creates files, opens folders'],
  'src/lib/lock.ts': ['openSync', 'creates a file'],
  'src/lib/processes.ts': ['readFile', 'the kernel’s files of processes, of which there are many'],
  'src/lib/replace-file.ts': ['open', 'creates a file, or opens one that lstat() has called regular'],
  'src/lib/rotating-file.ts': ['openSync', 'appends without waiting'],
  'src/runtimes/kubernetes/logs/line-places.ts': ['open', 'opens for reading and writing, which does not wait'],
  'src/server/restore.ts': ['copyFile, open', 'creates a file; copies what the server has opened before'],
  'src/server/backup.ts': ['open', 'creates a file'],
  'src/server/store/backup.ts': ['open', 'opens a file that it has written'],
  'src/server/store/database.ts': ['openSync', 'creates a file'],
  'src/server/store/run-mark.ts': ['openSync', 'writes a file of the program itself'],
  'src/server/store/storage-health.ts': ['openSync', 'writes a file of the program itself'],
  'src/shim/launch.ts': ['open', 'opens the request, a file of the program itself; appends without waiting'],
  'src/shim/log-input.ts': ['openSync, readFileSync', 'opens a pipe without waiting; the kernel’s files of processes'],
  'src/shim/scripts.ts': ['readFileSync', 'the build replaces it'],
  'src/shim/segment-writer.ts': ['open', 'appends without waiting'],
  'src/shim/state.ts': ['open', 'creates a file, or opens for reading and writing, which does not wait'],
};

const imports = /^(?:import|export)\s+(?!type\b)(?<what>[^;]*?)\s+from\s+'(?:node:)?fs(?:\/promises)?'/gm;
const lateImports = /\b(?:import|require|getBuiltinModule)\('(?:node:)?fs(?:\/promises)?'\)/g;

export function findFileReads(file: string, source: string): Finding[] {
  if (!/^src\/.*(?<!\.test)\.tsx?$/.test(file) || file === reader) return [];
  const [allowed] = mayOpen[file] ?? [''];
  const found = importsOf(source);
  const used = found.filter(({ name }) => allowed.split(', ').includes(name));
  const unused = allowed.split(', ').filter((name) => name !== '' && !used.some((other) => other.name === name));
  return [
    ...found
      .filter((item) => !used.includes(item))
      .map(({ line, name }) => ({ line, found: name, remedy: `a function of ${reader}` })),
    ...unused.map((name) => ({
      line: 1,
      found: `no ${name}`,
      remedy: 'no entry for it in scripts/lint/file-reads.ts',
    })),
  ];
}

function importsOf(source: string): { line: number; name: string }[] {
  const lineOf = (index: number) => source.slice(0, index).split('\n').length;
  const late = [...source.matchAll(lateImports)].map(({ index, 0: name }) => ({ line: lineOf(index), name }));
  const early = [...source.matchAll(imports)].flatMap(({ index, groups }) => {
    const what = groups?.['what'] ?? '';
    const named = /^\{(?<names>.*)\}$/s.exec(what)?.groups?.['names'];
    // The whole module has all openers.
    const names = named === undefined ? [what] : namesIn(named).filter((name) => openers.has(name));
    return names.map((name) => ({ line: lineOf(index), name }));
  });
  return [...early, ...late];
}

function namesIn(list: string): string[] {
  return list.split(',').flatMap((item) => {
    const [name = '', ...more] = item.trim().split(/\s+/);
    return name === '' || (name === 'type' && more.length > 0) ? [] : [name];
  });
}
