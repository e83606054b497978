import { statSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTextSync } from './read-file.ts';

const position = /(file:\/\/\/[^\s()]+\.mjs):(\d+):(\d+)/g;

/**
 * Returns a stack trace with the positions in the sources instead of those in bundles, as `--enable-source-maps` shows them.
 * That option reads the map of each file that is loaded, which takes a tenth of a start; this reads those that a trace needs.
 * Positions in files without a map stay: packages have none.
 */
export function inSources(trace: string): string {
  const maps = new Map<string, SourceMap>();
  const read = (path: string) => {
    const map = maps.get(path) ?? readMap(path);
    maps.set(path, map);
    return map;
  };
  return trace.replace(position, (text: string, url: string, line: string, column: string) => {
    try {
      const path = fileURLToPath(url);
      const origin = read(`${path}.map`).findOrigin(Number(line), Number(column));
      if (!('fileName' in origin)) return text;
      return `${resolve(dirname(path), origin.fileName)}:${origin.lineNumber}:${origin.columnNumber}`;
    } catch {
      return text;
    }
  });
}

/** Shows the errors that end this process with their positions in the sources. */
export function showSourcePositions(): void {
  process.on('uncaughtExceptionMonitor', (error: unknown) => {
    if (error instanceof Error && error.stack !== undefined) error.stack = inSources(error.stack);
  });
}

function readMap(path: string): SourceMap {
  // An upgrade replaces the files of a process that keeps running.
  if (statSync(path).mtimeMs > performance.timeOrigin) throw new Error(`${path} belongs to another build`);
  return new SourceMap(JSON.parse(readTextSync(path)));
}
