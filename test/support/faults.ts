/** Faults between a runner and its server. */
import { seededRandom } from './random.ts';

export type Fault =
  | { kind: 'none' }
  /** The answer takes longer. */
  | { kind: 'slow'; delayMs: number }
  /** The server never sees the call, and the connection is reset. */
  | { kind: 'dropped' }
  /** The call does not reach the server and gets no response. */
  | { kind: 'unanswered' }
  /** The server has done it, but the connection is reset before the answer. */
  | { kind: 'reset' }
  /** The server has done it, but the answer ends in the middle. */
  | { kind: 'cut off' }
  /** The server never sees the call: something in between answers it. */
  | { kind: 'foreign'; status: number; headers?: Record<string, string>; body: string };

/** A call of the runner as the proxy saw it. Times are of `performance.now()`. */
export interface ProxiedCall {
  at: number;
  kind: 'register' | 'read' | 'update' | 'delete' | 'poll' | 'answer' | 'turn' | 'other';
  queueId: string;
  /** The message of a response. */
  messageId: string | undefined;
  /** Task and status of a turn update. */
  turn: { taskId: string; Status?: string } | undefined;
  fault: Fault;
  /** The server's response, if it got the call. */
  serverStatus: number | undefined;
  /** The runner's response, if it was complete. */
  status: number | undefined;
}

/** Decides what goes wrong with a call. */
export type FaultPlan = (call: ProxiedCall) => Fault;

const html = (status: number, text: string): Fault => ({
  kind: 'foreign',
  status,
  headers: { 'content-type': 'text/html' },
  body: `<html><body><h1>${text}</h1></body></html>`,
});

const api = (status: number, errorType: string, headers = {}): Fault => ({
  kind: 'foreign',
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ ResponseCode: status, Message: 'made by a test', ErrorType: errorType }),
});

export const faults = {
  none: { kind: 'none' },
  dropped: { kind: 'dropped' },
  unanswered: { kind: 'unanswered' },
  reset: { kind: 'reset' },
  cutOff: { kind: 'cut off' },
  htmlBadGateway: html(502, 'Bad Gateway'),
  htmlNotFound: html(404, 'Not Found'),
  htmlPage: html(200, 'Please log in'),
  redirect: { kind: 'foreign', status: 302, headers: { location: 'http://127.0.0.1:1/login' }, body: '' },
  notJson: { kind: 'foreign', status: 200, body: '{"Messages": [' },
  wrongShape: { kind: 'foreign', status: 200, body: '{"Messages": {"MessageID": 1}}' },
  notFound: api(404, 'NotFound'),
  refused: api(401, 'Unauthorized'),
} as const satisfies Record<string, Fault>;

export function slow(delayMs: number): Fault {
  return { kind: 'slow', delayMs };
}

export function tooManyRequests(retryAfterSeconds: number): Fault {
  return api(429, 'TooManyRequests', { 'retry-after': String(retryAfterSeconds) });
}

/** In percent of the calls. */
type Weights = readonly (readonly [percent: number, fault: Fault])[];

const everywhere: Weights = [
  [4, slow(50)],
  [1, slow(700)],
  [4, faults.dropped],
  [4, faults.reset],
  [2, faults.cutOff],
  [4, faults.htmlBadGateway],
  [2, tooManyRequests(1)],
];
const forPolls: Weights = [
  ...everywhere,
  [2, faults.htmlPage],
  [2, faults.notJson],
  [2, faults.wrongShape],
  [1, faults.redirect],
  [1, faults.refused],
  [1, faults.htmlNotFound],
  [0.5, faults.notFound],
  [0.1, faults.unanswered],
];
const forAnswers: Weights = [...everywhere, [0.3, faults.unanswered], [0.3, faults.refused]];
const forManagement: Weights = [...everywhere, [2, faults.refused], [1, faults.htmlNotFound]];

/** Faults of all kinds at random; the same seed makes the same choices. */
export function randomFaults(seed: number): FaultPlan {
  const random = seededRandom(seed);
  return ({ kind }) => {
    const weights = kind === 'poll' ? forPolls : kind === 'answer' ? forAnswers : forManagement;
    let rest = random() * 100;
    for (const [percent, fault] of weights) {
      rest -= percent;
      if (rest < 0) return fault;
    }
    return faults.none;
  };
}

/** Of `PLAN42_FAULT_SEED`, or a new one. */
export function faultSeed(): number {
  return Number(process.env['PLAN42_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
}
