/**
 * An upgrade replaces or deletes the files of a program that keeps running for months. So what a service can need is loaded
 * before it is ready: its rooms have no `import()`. The screen loads everything with one, right after it has appeared.
 */
import type { Finding } from './marker-words.ts';

const rooms = [
  'lib',
  'config',
  'plan42',
  'control',
  'service',
  'shim',
  'runtimes',
  'github',
  'jobs',
  'runner',
  'server',
  'tui',
];
const inRooms = new RegExp(`^src/(${rooms.join('|')})/.*(?<!\\.test)\\.tsx?$`);

/** The only files with an `import()`, each with the reason. */
const exceptions: Readonly<Record<string, string>> = {
  'src/runtimes/kubernetes/api/kubeconfig.ts': 'a service connects to its cluster before it is ready',
  'src/server/page/page-sources.ts': 'the build replaces the file by the page',
  'src/tui/effects/effects.ts': 'loads everything right after the first frame',
};

export function findLateImports(file: string, source: string): Finding[] {
  if (!inRooms.test(file) || file in exceptions) return [];
  return source.split('\n').flatMap((text, index) => {
    if (/^\s*(\/\/|\/?\*)/.test(text) || !/\bimport\(/.test(text)) return [];
    return [
      {
        line: index + 1,
        found: 'import()',
        remedy: 'a static import: an upgrade replaces the files of a running service',
      },
    ];
  });
}
