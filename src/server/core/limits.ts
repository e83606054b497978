import { formatBytes } from '../../lib/format-bytes.ts';
import { maxJsonDepth, maxJsonValues } from '../../lib/json.ts';

/** A limit of what clients may store and send. */
export interface Limit {
  /** As the documentation names it. */
  readonly what: string;
  readonly max: number;
  readonly unit: 'bytes' | 'count';
}

const kib = 1024;
const mib = 1024 * kib;
const bytes = (what: string, max: number): Limit => ({ what, max, unit: 'bytes' });
const count = (what: string, max: number): Limit => ({ what, max, unit: 'count' });

/** All limits. docs/control-plane.md has this table, and a test compares them. */
export const limits = {
  body: bytes('body of a request', 16 * mib),
  jsonDepth: count('levels of nesting in JSON', maxJsonDepth),
  jsonValues: count('values in JSON', maxJsonValues),

  shortText: bytes('every text that is not listed here, such as a title or name', 4 * kib),
  mediumText: bytes('`Description`, `ErrorMessage`, value of an environment variable', 128 * kib),
  setupScript: bytes('`SetupScript`', 512 * kib),
  longText: bytes('`Prompt`, `Context`, `OutputMessage`', mib),
  list: count('`Repos`, `AllowedHosts`, `EnvVars`', 50),
  files: count('`FileIDs`, `NewFileIDs`', 100),

  task: bytes('all fields of a task', 2 * mib),
  turn: bytes('all fields of a turn', 3 * mib),
  environment: bytes('all fields of an environment', 2 * mib),
  otherObject: bytes('all fields of another object', 64 * kib),

  uploadEntries: count('log entries of one upload', 500),
  uploadBytes: bytes('log messages of one upload', mib),
  turnLogEntries: count('log entries of a turn', 100_000),
  turnLogBytes: bytes('log of a turn, with 120 bytes for each entry', 32 * mib),

  messageText: bytes('`Message` to or from an agent', 64 * kib),
  turnMessages: count('messages of a turn', 10_000),
  turnMessageBytes: bytes('messages of a turn together', 16 * mib),
  subAgents: count('sub-agents of a turn', 100),

  tasks: count('tasks', 100_000),
  turns: count('turns of a task', 1000),
  environments: count('environments', 10_000),
  otherObjects: count('runners, tokens, queues, connections, workstreams, short names or files', 10_000),

  repositories: count('hosted repositories', 1000),
  repository: bytes('a hosted repository, and one push to it', 4 * 1024 * mib),

  file: bytes('a file', 30 * mib),
  allFiles: bytes('all files together', 4 * 1024 * mib),
  filesOfTask: count('files that the agents of one task create', 100),

  page: bytes('page of a list; it then ends early', 8 * mib),
  message: bytes('message to a runner, before encryption', 8 * mib),
  poll: bytes('messages of one poll', 16 * mib),
} as const satisfies Record<string, Limit>;

/** `1 MiB`, or `500`. */
export function formatLimit({ max, unit }: Limit): string {
  return unit === 'bytes' ? formatBytes(max) : max.toLocaleString('en-US');
}

/** The size of an object as the API returns it. */
export function jsonBytes(object: object): number {
  return Buffer.byteLength(JSON.stringify(object));
}
