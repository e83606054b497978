/** The mounts of a process, as Linux lists them in /proc/PID/mountinfo. */

export interface Mount {
  id: string;
  /** Major and minor number of its file system's device. */
  device: string;
  /** The folder of the file system that is mounted. */
  root: string;
  path: string;
}

/** Lines that are not understood are left out. */
export function parseMountTable(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [id, , device, root, path] = line.split(' ');
    if (id === undefined || device === undefined || root === undefined || path === undefined) return [];
    return [{ id, device, root: unescapePath(root), path: unescapePath(path) }];
  });
}

function unescapePath(path: string): string {
  return path.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));
}
