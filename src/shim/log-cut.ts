/** What a reader of job logs has to know of cuts. */

const cutMark = /^\[plan42: the first (\d+) bytes of this log were cut\]$/;

/**
 * How many bytes of a log are gone, by its first line (without the line end); 0 when nothing was cut. The byte at position
 * `p` of the whole log is in the file at `p - cutBytes(line)`, counted from the end of that line if it is a mark.
 */
export function cutBytes(firstLine: string): number {
  return Number(cutMark.exec(firstLine)?.[1] ?? 0);
}

/** Where the log's next version is made before it takes the log's place. A crash can leave it behind. */
export function cutDraft(logFile: string): string {
  return `${logFile}.cut`;
}
