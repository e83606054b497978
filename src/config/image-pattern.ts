/**
 * Patterns of images that may run: `[registry[:port]/]repository[:tag][@digest]`, as in an image reference. Each part is
 * matched with the same part of the image, so that `python:*` does not admit `python:5000/evil`.
 */
import { splitImage } from '../lib/image-parts.ts';
import { trimEnd } from '../lib/trim-end.ts';
import { InvalidValue, type Kind, list } from './kinds.ts';

export interface ImagePattern {
  /** Undefined admits only images without a registry. */
  registry: string | undefined;
  port: string | undefined;
  /** The parts of the repository's path. A `*` alone stands for one or more of them. */
  path: readonly string[];
  /** Undefined admits only images without a tag. */
  tag: string | undefined;
  digest: string | undefined;
  /** `*`, which admits every image. */
  isAny: boolean;
}

const host = /^[\w.*?-]+$/;
const pathPart = /^[a-z0-9._*?-]+$/;
const tagOrDigest = /^[\w.*?-]+$/;

/** @throws InvalidValue with a message that follows "is" */
export function parseImagePattern(text: string): ImagePattern {
  const invalid = (why: string) => new InvalidValue(`a list with ${JSON.stringify(text.slice(0, 300))}, which ${why}`);
  if (text === '') throw invalid('is empty; remove it');
  if (/^\*+$/.test(text)) {
    return { registry: undefined, port: undefined, path: ['*'], tag: undefined, digest: undefined, isAny: true };
  }
  const { registry, port, repository, tag, digest } = splitImage(text);
  const path = repository.split('/');
  if (registry !== undefined && !host.test(registry)) throw invalid('has an invalid registry');
  if (port !== undefined && !/^[\d*?]+$/.test(port)) throw invalid('has an invalid port');
  if (registry === undefined && path.length === 1 && tag === undefined && looksLikeRegistry(repository)) {
    throw invalid(`names a registry and no repository; write "${trimEnd(repository, '*')}/*"`);
  }
  if (repository !== repository.toLowerCase())
    throw invalid('has capital letters in its repository, which images cannot have');
  if (!path.every((part) => pathPart.test(part))) throw invalid('has an invalid repository');
  if (tag !== undefined && !tagOrDigest.test(tag)) throw invalid('has an invalid tag');
  if (digest !== undefined && !/^(?:sha256:[\da-f*?]+|\*)$/.test(digest)) {
    throw invalid('has an invalid digest; write "@sha256:" and the digest, or "@*"');
  }
  return { registry: registry?.toLowerCase(), port, path, tag, digest, isAny: false };
}

// `ghcr.io*`, `registry.example.com`
function looksLikeRegistry(name: string): boolean {
  return /\.[a-z]/.test(name) && (name.endsWith('*') || name.split('.').length > 2);
}

function checked(patterns: readonly string[]): readonly string[] {
  for (const pattern of patterns) parseImagePattern(pattern);
  return patterns;
}

export const imagePatterns: Kind<readonly string[]> = {
  ...list,
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (text) => checked(list.fromText(text)),
};
