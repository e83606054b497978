import { arch, platform, versions } from 'node:process';

declare const PLAN42_VERSION: string | undefined;
declare const PLAN42_COMMIT: string | undefined;
declare const PLAN42_REPOSITORY: string | undefined;

/** Set by the build; code that runs from its source is `dev`. */
export const version: string = typeof PLAN42_VERSION === 'string' ? PLAN42_VERSION : 'dev';

/** Abbreviated; empty if unknown to the build. */
export const commit: string = typeof PLAN42_COMMIT === 'string' ? PLAN42_COMMIT : '';

/** `owner/name` of the GitHub repository with this build's releases; empty in a private build. */
export const repository: string = typeof PLAN42_REPOSITORY === 'string' ? PLAN42_REPOSITORY : '';

/** For output: `0.1.7 (3f2a9c1d0, linux-x64, Node.js 26.10.0)`. */
export function describeVersion(): string {
  return `${version} (${[commit, `${platform}-${arch}`, `Node.js ${versions.node}`].filter(Boolean).join(', ')})`;
}

/** Whether `candidate` was released after `current`; a private build counts as older than any release. */
export function isNewer(candidate: string, current: string): boolean {
  const a = numbersOf(candidate);
  const b = numbersOf(current);
  for (const [index, number] of a.entries()) {
    const other = b[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
}

// MAJOR.MINOR.PATCH[-ATTEMPT]: a later attempt comes after an earlier one, unlike a semantic version's pre-release.
function numbersOf(version: string): [number, number, number, number] {
  const [, major = 0, minor = 0, patch = 0, attempt = 1] = /^(\d+)\.(\d+)\.(\d+)(?:-(\d+)$)?/.exec(version) ?? [];
  return [Number(major), Number(minor), Number(patch), Number(attempt)];
}
