import { type ImagePattern, parseImagePattern } from '../config/image-pattern.ts';
import { type ImageReference, parseImageReference } from '../lib/image-reference.ts';

/** Whether one of the patterns matches the image. An invalid image or pattern matches nothing. */
export function isImageAllowed(image: string, allowed: readonly string[]): boolean {
  const reference = attempt(() => parseImageReference(image));
  return (
    reference !== undefined &&
    allowed.some((text) =>
      matches(
        attempt(() => parseImagePattern(text)),
        reference,
      ),
    )
  );
}

/**
 * `*` stands for any characters of one part, `?` for one character. A `*` alone is one or more parts of the repository's
 * path. A pattern that ends with `*` admits any tag and digest after it.
 */
function matches(pattern: ImagePattern | undefined, image: ImageReference): boolean {
  if (pattern === undefined || pattern.isAny) return pattern !== undefined;
  const { registry, port, path, tag, digest } = pattern;
  if (!matchesPart(registry, image.registry?.toLowerCase()) || !matchesPart(port, image.port?.toString())) return false;
  if (!matchesPath(path, image.repository.split('/'))) return false;
  if (tag === undefined && digest === undefined && path.at(-1)?.endsWith('*')) return true;
  if (!matchesPart(tag, image.tag)) return false;
  return (digest === undefined && tag?.endsWith('*')) || matchesPart(digest, image.digest?.toLowerCase());
}

function matchesPart(glob: string | undefined, text: string | undefined): boolean {
  if (glob === undefined || text === undefined) return glob === text;
  return matchesGlob(glob, text);
}

function matchesPath(pattern: readonly string[], path: readonly string[]): boolean {
  const elements = pattern.flatMap((part): Element[] => (part === '*' ? ['*', anyNumber] : [part]));
  return matchesAll(elements, path, matchesGlob);
}

function matchesGlob(glob: string, text: string): boolean {
  const elements = glob.split('').map((char): Element => (char === '*' ? anyNumber : char));
  return matchesAll(elements, text.split(''), (element, char) => element === '?' || element === char);
}

const anyNumber = Symbol('any number of items');
type Element = string | typeof anyNumber;

/**
 * Whether the elements match all items, in order. Not a regular expression, which backtracks exponentially for some pairs of
 * pattern and text: here only the last `anyNumber` is retried, one item longer each time.
 */
function matchesAll(
  elements: readonly Element[],
  items: readonly string[],
  matchesOne: (element: string, item: string) => boolean,
): boolean {
  let [e, i, retryElement, retryItem] = [0, 0, -1, 0];
  while (i < items.length) {
    const element = elements[e];
    if (element === anyNumber) [retryElement, retryItem, e] = [e, i, e + 1];
    else if (element !== undefined && matchesOne(element, items[i] ?? '')) [e, i] = [e + 1, i + 1];
    else if (retryElement >= 0) [retryItem, i, e] = [retryItem + 1, retryItem + 1, retryElement + 1];
    else return false;
  }
  return elements.slice(e).every((element) => element === anyNumber);
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
