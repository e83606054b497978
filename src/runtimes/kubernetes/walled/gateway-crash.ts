/** Why the container of a gateway ended while its job needs it: its exit code, and the last lines of its log that are no messages. */
import { parseMessage } from '../../../gateway/pod/channel.ts';
import { redact } from '../../../lib/redact.ts';
import type { KubeApi } from '../api/kube-api.ts';
import { clause, type PodObject, type Terminated } from '../explain/objects.ts';
import { gatewayName } from '../manifest/names.ts';
import { pathOf } from '../paths.ts';
import { gatewayContainer } from './manifests.ts';

export interface Crash {
  /** Another one for each end of the container. */
  id: string;
  terminated: Terminated;
  /** Whether the container has been started again since, so that its log is the previous one. */
  isPrevious: boolean;
  isRunningAgain: boolean;
  restarts: number;
}

const tailLines = 60;
const maxTailBytes = 64 << 10;
const maxWordLines = 5;
const maxWordsLength = 600;
const readTimeoutMs = 10_000;

/** Undefined if the container has not ended, or the pod is being removed. */
export function findCrash({ metadata, status }: PodObject): Crash | undefined {
  const container = status?.containerStatuses?.find(({ name }) => name === gatewayContainer);
  const now = container?.state?.terminated;
  const terminated = now ?? container?.lastState?.terminated;
  if (terminated === undefined || (metadata.deletionTimestamp ?? undefined) !== undefined) return undefined;
  const { containerID, finishedAt, exitCode } = terminated;
  const id = containerID ?? `${finishedAt} ${exitCode}`;
  const isRunningAgain = container?.state?.running !== undefined;
  return { id, terminated, isPrevious: now === undefined, isRunningAgain, restarts: container?.restartCount ?? 0 };
}

/** A clause such as `its egress gateway crashed (exit code 1): cannot read its policy`. Never rejects. */
export async function describeCrash(
  { terminated, isPrevious }: Crash,
  { api, name, secrets, signal }: { api: KubeApi; name: string; secrets: readonly string[]; signal?: AbortSignal },
): Promise<string> {
  const log = await readTail(api, name, { isPrevious, signal }).catch(() => '');
  const how = terminated.reason === 'OOMKilled' ? 'out of memory' : `exit code ${terminated.exitCode}`;
  const words = findWords(log, secrets);
  return `its egress gateway crashed (${how})${words === '' ? '' : `: ${words}`}`;
}

/** The last lines that are for people, in one, without secrets. */
export function findWords(log: string, secrets: readonly string[]): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && parseMessage(line) === undefined);
  const clean = secrets.reduce(
    (text, secret) => (secret === '' ? text : text.replaceAll(secret, '[redacted]')),
    redact(lines.slice(-maxWordLines).join(' | ')),
  );
  return clause(clean.slice(-maxWordsLength));
}

async function readTail(
  api: KubeApi,
  name: string,
  { isPrevious, signal }: { isPrevious: boolean; signal: AbortSignal | undefined },
): Promise<string> {
  const limit = AbortSignal.timeout(readTimeoutMs);
  const query = { container: gatewayContainer, tailLines: String(tailLines), ...(isPrevious && { previous: 'true' }) };
  const path = `${pathOf(api, 'pods', gatewayName(name))}/log`;
  const stream = await api.stream(path, { query, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  let bytes = Buffer.alloc(0);
  for await (const block of stream) {
    bytes = Buffer.concat([bytes, block]);
    if (bytes.length > maxTailBytes) break;
  }
  return bytes.toString('utf8');
}
