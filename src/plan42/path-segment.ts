/** Whether an ID can be a segment of a path. Others would name another path or none, encoded or not. */
export function isPathSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && text.isWellFormed();
}

/** Encodes an ID for a path. @throws RangeError for one that no encoding can represent */
export function pathSegment(id: string): string {
  if (isPathSegment(id)) return encodeURIComponent(id);
  throw new RangeError('an ID is empty or cannot be a part of a path');
}
