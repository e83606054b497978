/** Folders and files of this machine that agents get: `jobs.mounts`. */
import { isAbsolute, normalize } from 'node:path';
import { trimEnd } from '../lib/trim-end.ts';
import { InvalidValue, type Kind, list, localPath } from './kinds.ts';

export interface Mount {
  /** An absolute path on this machine. */
  source: string;
  /** An absolute path in the container. */
  target: string;
  isReadOnly: boolean;
  /** Whether the engine gives the source the label with which SELinux admits containers. */
  relabel: boolean;
}

const notation = '"SOURCE:TARGET", read-only, or "SOURCE:TARGET:rw"; ":z" relabels for SELinux';
// Engines take mounts as lists of comma-separated values.
const unusable = /[,"\p{Cc}]/u;
// Engines and the runner need them.
const reserved = ['/', '/dev', '/proc', '/sys', '/etc/plan42', '/var/cache/plan42', '/plan42-wall'];

/** @throws InvalidValue */
export function parseMount(text: string): Mount {
  const [from = '', to, options = '', ...more] = text.split(':');
  if (to === undefined || more.length > 0) throw invalid(text, 'which is not "SOURCE:TARGET" or "SOURCE:TARGET:rw"');
  if (unusable.test(from) || unusable.test(to))
    throw invalid(text, 'which contains a comma, a quote or a control character');
  const words = options === '' ? [] : options.split(',');
  const odd = words.find((word) => !['ro', 'rw', 'z'].includes(word));
  if (odd !== undefined || (words.includes('ro') && words.includes('rw')))
    throw invalid(text, 'whose options are not "ro", "rw", "z", "ro,z" or "rw,z"');
  return {
    source: clean(localPath.fromToml(from)),
    target: checkTarget(text, to),
    isReadOnly: !words.includes('rw'),
    relabel: words.includes('z'),
  };
}

export function showMount({ source, target, isReadOnly, relabel }: Mount): string {
  return `${source}:${target}:${isReadOnly ? 'ro' : 'rw'}${relabel ? ',z' : ''}`;
}

const readMounts = (value: unknown): readonly Mount[] => {
  const mounts = list.fromToml(value).map(parseMount);
  const targets = mounts.map(({ target }) => target);
  const twice = targets.find((target, n) => targets.indexOf(target) !== n);
  if (twice !== undefined) throw new InvalidValue(`a list with two mounts at ${twice}`);
  return mounts;
};

export const mounts: Kind<readonly Mount[]> = {
  notation: `array of ${notation}`,
  jsonSchema: list.jsonSchema,
  toToml: (text) => list.toToml(text),
  fromToml: readMounts,
  fromText: (text) => readMounts(list.toToml(text)),
  show: (value) => value.map(showMount),
};

function checkTarget(text: string, path: string): string {
  if (!isAbsolute(path)) throw invalid(text, 'whose target is not an absolute path');
  const target = clean(path);
  if (reserved.some((folder) => target === folder || (folder !== '/' && target.startsWith(`${folder}/`))))
    throw invalid(text, `whose target ${target} is reserved`);
  return target;
}

function clean(path: string): string {
  return trimEnd(normalize(path), '/') || '/';
}

function invalid(text: string, why: string): InvalidValue {
  return new InvalidValue(`a list with ${JSON.stringify(text)}, ${why}`);
}
