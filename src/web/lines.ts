export interface Line {
  line: string;
  /** From 1, as an editor counts. */
  number: number;
}

/** Reads each non-empty line of a field. Returns the results, and the lines that `read` rejected. */
export function readLines<T>(text: string, read: (line: string) => T | undefined): [T[], Line[]] {
  const lines = text.split('\n').map((line, n) => ({ line: line.trim(), number: n + 1 }));
  const results = lines
    .filter(({ line }) => line !== '')
    .map(({ line, number }) => ({ line, number, result: read(line) }));
  const good = results.map(({ result }) => result).filter((result) => result !== undefined);
  return [good, results.filter(({ result }) => result === undefined)];
}
