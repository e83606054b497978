/** Container image references: `[registry[:port]/]repository[:tag][@digest]`. */
import { splitImage } from '../lib/image-parts.ts';

/** Names the invalid part of a reference. The message goes to the caller that asked for the image. */
export class InvalidImageError extends Error {
  override readonly name = 'InvalidImageError';
  /** The part of the reference, such as `repository`. */
  readonly part: string;

  constructor(part: string, value: string) {
    super(`invalid ${part}: '${value}'`);
    this.part = part;
  }
}

/** Returns why the text of a field or an option is not an image; undefined if it is one. */
export function imageProblem(text: string): string | undefined {
  try {
    parseImageReference(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidImageError)) throw error;
    return `"${text}" is not the name of an image: its ${error.part} is invalid`;
  }
}

export interface ImageReference {
  registry: string | undefined;
  port: number | undefined;
  repository: string;
  tag: string | undefined;
  digest: string | undefined;
}

const label = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const repositoryComponent = /^[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*$/;
const maxRepositoryLength = 255;

/** @throws InvalidImageError that names the part which is wrong */
export function parseImageReference(text: string): ImageReference {
  const { registry, port, repository, tag, digest } = splitImage(text);
  if (registry !== undefined) check('registry', registry, isRegistry);
  if (port !== undefined) check('port', port, isPort);
  check('repository', repository, isRepository);
  if (tag !== undefined) check('tag', tag, (value) => /^\w[\w.-]{0,127}$/.test(value));
  if (digest !== undefined) check('digest', digest, (value) => /^sha256:[0-9a-f]{64}$/i.test(value));
  return { registry, port: port === undefined ? undefined : Number(port), repository, tag, digest };
}

/** Whether no registry has the name: engines give this registry, without a port, to images that are built or imported. */
export function isNamedLocal(name: string): boolean {
  return name.startsWith('localhost/');
}

/** Whether two names mean the same image with the defaults of engines: `busybox` is `docker.io/library/busybox:latest`. */
export function sameImageName(a: string, b: string): boolean {
  return a === b || canonicalName(a) === canonicalName(b);
}

function canonicalName(text: string): string {
  try {
    const { registry = 'docker.io', port, repository, tag, digest } = parseImageReference(text);
    const path = registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;
    return [registry, port ?? '', path, digest === undefined ? (tag ?? 'latest') : digest].join(' ');
  } catch {
    return text;
  }
}

function check(part: string, value: string, isValid: (value: string) => boolean): void {
  if (!isValid(value)) throw new InvalidImageError(part, value);
}

function isRegistry(registry: string): boolean {
  return registry.split('.').every((part) => label.test(part));
}

function isPort(port: string): boolean {
  return /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535;
}

function isRepository(repository: string): boolean {
  return (
    repository.length <= maxRepositoryLength && repository.split('/').every((part) => repositoryComponent.test(part))
  );
}
