import { type ImagePattern, parseImagePattern } from '../config/image-pattern.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';

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

// Not regular expressions, which backtrack exponentially for some pairs of pattern and text. Here only the last star is
// retried, one step longer each time.

function matchesPath(pattern: readonly string[], path: readonly string[]): boolean {
  let [p, t, star, starPath] = [0, 0, -1, 0];
  while (t < path.length) {
    if (pattern[p] === '*') [star, starPath, p, t] = [p, t, p + 1, t + 1];
    else if (p < pattern.length && matchesGlob(pattern[p] ?? '', path[t] ?? '')) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [starPath, t, p] = [starPath + 1, starPath + 2, star + 1];
    else return false;
  }
  return p === pattern.length;
}

function matchesGlob(glob: string, text: string): boolean {
  let [g, t, star, starText] = [0, 0, -1, 0];
  while (t < text.length) {
    if (glob[g] === '*') [star, starText, g] = [g, t, g + 1];
    else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) [g, t] = [g + 1, t + 1];
    else if (star >= 0) [starText, t, g] = [starText + 1, starText + 1, star + 1];
    else return false;
  }
  return /^\**$/.test(glob.slice(g));
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
