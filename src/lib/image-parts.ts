/** The parts of an image reference, or of a pattern of them: `[registry[:port]/]repository[:tag][@digest]`. Not validated. */
export interface ImageParts {
  registry: string | undefined;
  port: string | undefined;
  repository: string;
  tag: string | undefined;
  digest: string | undefined;
}

/** As engines do, takes the first component for a registry if it has a dot or a port, or is `localhost`. */
export function splitImage(text: string): ImageParts {
  const [named, digest] = splitOnce(text, '@');
  const slash = named.indexOf('/');
  const first = named.slice(0, Math.max(slash, 0));
  const hasRegistry = /[.:]/.test(first) || first === 'localhost';
  const [registry, port] = hasRegistry ? splitOnce(first, ':') : [undefined, undefined];
  const [repository, tag] = splitOnce(hasRegistry ? named.slice(slash + 1) : named, ':');
  return { registry, port, repository, tag, digest };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
