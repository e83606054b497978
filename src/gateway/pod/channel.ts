/**
 * Messages of the gateway in a pod to the runner: a JSON object in each line of its output, which the runner reads from the log of
 * the pod. A log can be read from its beginning again, so messages are numbered.
 */
import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';
import type { IpAddress } from '../ip-address.ts';
import { Report } from '../report.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const CountedLimit = v.picklist(['max_tokens', 'max_cost']);

/** At which limit a job ended, and when SIGKILL follows, by the clock of the gateway's node. */
const ReachedLimit = v.object({
  limit: CountedLimit,
  used: v.pipe(v.number(), v.minValue(0)),
  atMs: count,
  wrapUpMs: count,
});
export type ReachedLimit = v.InferOutput<typeof ReachedLimit>;

/** Undefined if it is not understood. */
export function parseReachedLimit(text: string): ReachedLimit | undefined {
  const parsed = v.safeParse(ReachedLimit, tryParseJson(text));
  return parsed.success ? parsed.output : undefined;
}

/** Limits that the gateway holds, with all others that the agent gets to know. Absent if it holds none. */
export const GivenLimits = v.object({
  version: v.literal(1),
  /** By their names in the configuration. */
  limits: v.record(v.string(), v.number()),
  wrapUpMs: count,
});
export type GivenLimits = v.InferOutput<typeof GivenLimits>;
/** In {@link givenFolder}. */
export const limitsFile = 'limits.json';

const Content = v.variant('kind', [
  /** A line for the log of the job. */
  v.object({ kind: v.literal('line'), text: v.string() }),
  v.object({ kind: v.literal('report'), report: Report }),
  /** A call of a model: its line in the ledger, and its number from 0 on. */
  v.object({ kind: v.literal('call'), index: count, entry: v.string() }),
  /** Most of a limit is used, about which the agent has been notified. */
  v.object({ kind: v.literal('notice'), limit: CountedLimit }),
  /** The job has used up a limit, and its agent has got SIGTERM. Repeated, because the runner must not miss it. */
  v.object({ kind: v.literal('reached'), reached: ReachedLimit }),
  /** Nothing has happened. */
  v.object({ kind: v.literal('alive') }),
  /** The pod is about to end: the report before this message was the last one. */
  v.object({ kind: v.literal('end') }),
]);
export type Content = v.InferOutput<typeof Content>;

const Message = v.object({
  /** When the gateway began, in milliseconds: larger for each container of the pod. */
  run: count,
  /** Larger for each message of a run. */
  n: count,
  content: Content,
});
export type Message = v.InferOutput<typeof Message>;

/** Undefined for other output. */
export function parseMessage(line: string): Message | undefined {
  if (!line.startsWith('{')) return undefined;
  const parsed = v.safeParse(Message, tryParseJson(line));
  return parsed.success ? parsed.output : undefined;
}

/** The bytes of an address in hexadecimal, as the program `init` of a pod reads them. */
export function encodeAddress({ family, value }: IpAddress): string {
  return value.toString(16).padStart(family === 4 ? 8 : 32, '0');
}

/** The ports of the gateway's pod. */
export const gatewayPort = 7043;
/** Its pod answers here, and no policy lets the job's pod reach it: a job that does has no wall. */
export const closedPort = 7044;
/** How long the gateway is silent at most. */
export const aliveIntervalMs = 30_000;

/** Where the pod of a gateway finds what the runner gives it. */
export const givenFolder = '/plan42-gateway';
/** Credentials that have changed since, in the same form as the first ones. The folder can be empty. */
export const changedFolder = '/plan42-credentials';
export const workFolder = '/run/plan42';
/** Proves that a connection comes from the pod of the job. */
export const tokenFile = 'token';
export const tokenBytes = 32;
/** The variable with the address of the node for the program `init` of the job's pod, and with all of them, with commas, for the gateway's. */
export const nodeVariable = 'PLAN42_NODE_ADDRESS';
