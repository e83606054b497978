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
