import type { ConfigFile } from './config-file.ts';
import { readConfig, renderProblem } from './read.ts';

/** What keeps runners from starting with a file, each with its place. A setting that isn't there is no mistake. */
export function mistakesIn({ path, content }: ConfigFile): string[] {
  return readConfig({ file: content, env: {}, flags: new Map() })
    .problems.filter(({ severity }) => severity === 'error')
    .map((problem) => renderProblem(path, problem));
}

/** Undefined where there are none. */
export function mistakesNote([first, ...more]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `No runner starts with it: ${first}${others}. "plan42 runner config validate" tells all.`;
}
