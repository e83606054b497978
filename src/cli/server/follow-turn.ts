import type { Writable } from 'node:stream';
import { UserError } from '../../lib/errors.ts';
import { printableLine, printableOutput } from '../../lib/printable.ts';
import { sleep } from '../../lib/sleep.ts';
import type { AdminClient } from '../../plan42/admin-client.ts';
import type { AdminTurn } from '../../plan42/admin-objects.ts';
import { ApiError, isTransient } from '../../plan42/errors.ts';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { ListedSubAgent } from '../../plan42/turn-messages.ts';
import { isTerminalStatus, isUnsent, turnWord } from '../../plan42/turn-status.ts';
import type { CliContext } from '../context.ts';
import { print } from '../output.ts';
import { serverWords, type TaskWords } from './task-words.ts';
import { describeAgent } from './turn/messages.ts';
import { turnRemedy } from './turn-remedy.ts';

const statusPollMs = 500;
const reasonPollMs = 2000;

/** Returns why no runner starts a turn, with what to do; undefined if that is unknown. */
export type WhyWaiting = (signal: AbortSignal) => Promise<string | undefined>;

/**
 * Follows a turn until it is finished: log and output go to `lines`, its status to standard error.
 * @returns the finished turn, which may have failed.
 */
export async function followTurn(
  { stderr, signal }: Pick<CliContext, 'stderr' | 'signal'>,
  client: AdminClient,
  turn: AdminTurn,
  lines: Writable,
  whyWaiting?: WhyWaiting,
): Promise<AdminTurn> {
  const note = (text: string) => {
    stderr.write(`[turn ${turn.TurnIndex}] ${printableLine(text)}\n`);
  };
  const onStatus = (current: AdminTurn) => note(turnWord(current));
  return watchTurn({
    onMessage: (text) => note(text),
    client,
    turn,
    lines,
    onStatus,
    signal,
    ...(whyWaiting && { waiting: { why: whyWaiting, note } }),
  });
}

interface WatchOptions {
  client: AdminClient;
  turn: AdminTurn;
  /** Gets the log, and then the agent's final message. */
  lines: Writable;
  /** Gets each message of an agent. */
  onMessage?: (text: string) => void;
  /** Gets the turn whenever its status has changed. */
  onStatus: (turn: AdminTurn) => void;
  /** Finds out why a turn has not started, and gets each new reason. */
  waiting?: { why: WhyWaiting; note: (reason: string) => void };
  signal: AbortSignal;
}

/** Watches a turn until it is finished, and returns it then. Rejects with the signal's reason. */
export async function watchTurn({ client, turn, lines, onStatus, ...options }: WatchOptions): Promise<AdminTurn> {
  const { waiting } = options;
  // If one of the two fails, the other stops.
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const started = new AbortController();
  const onTurn = (current: AdminTurn) => {
    if (!isUnsent(current)) started.abort();
  };
  try {
    const [finished, last] = await Promise.all([
      watchStatus(client, turn, { onStatus, onTurn }, signal),
      printTurnLog(client, turn, lines, signal),
      options.onMessage && watchMessages(client, turn, options.onMessage, signal),
      waiting && explainWait(waiting, AbortSignal.any([signal, started.signal])),
    ]);
    onStatus(finished);
    // Many agents log their final message too.
    const { OutputMessage: message } = finished;
    if (message && !last.includes(message.trim())) await print(lines, `${printableOutput(message)}\n`, signal);
    return finished;
  } finally {
    stop.abort();
  }
}

/** Passes on what agents write to people until the turn is finished. Servers without messages have none. */
async function watchMessages(
  client: AdminClient,
  { TaskId, TurnIndex }: AdminTurn,
  onMessage: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let agents: readonly ListedSubAgent[] = [];
  try {
    for await (const { event, data } of client.turnEvents(TaskId, TurnIndex, { signal })) {
      if (event !== 'AgentMessage') continue;
      const { FromAgentID: id = mainAgentId } = data;
      const isNew = id !== mainAgentId && !agents.some(({ AgentID }) => AgentID === id);
      if (isNew) agents = await client.listSubAgents(TaskId, TurnIndex);
      onMessage(`message from ${id === mainAgentId ? 'the ' : ''}${describeAgent(id, agents)}: ${data.Message}`);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/** Notes each new reason until the turn is started. A turn that starts at once needs none. */
async function explainWait({ why, note }: NonNullable<WatchOptions['waiting']>, signal: AbortSignal): Promise<void> {
  let noted: string | undefined;
  try {
    for (;;) {
      await sleep(reasonPollMs, signal);
      const reason = await why(signal);
      // Sizes in the reason change all the time.
      const kind = reason?.replaceAll(/[\d.]+/g, '');
      if (reason !== undefined && kind !== noted) note(reason);
      noted = kind;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** @throws UserError if the finished turn failed. */
export async function throwIfFailed(
  client: AdminClient,
  turn: AdminTurn,
  words: TaskWords = serverWords,
): Promise<void> {
  if (turn.Status !== 'Failed') return;
  // Only then does the remedy name hosts. Agents report what was refused, but not all of them.
  const hasHosts = words.nextTurnWithHosts !== undefined;
  const network = hasHosts ? await client.getNetwork(turn.TaskId, turn.TurnIndex).catch(() => undefined) : undefined;
  const why = printableLine(turn.ErrorMessage ?? '') || 'the agent gave no reason';
  throw new UserError(`turn ${turn.TurnIndex} failed: ${why}`, {
    remedy: turnRemedy(turn.TaskId, turn.ErrorMessage ?? '', { words, refused: network?.Hosts ?? [] }),
  });
}

// The agent reports its final message, and then what it pushed.
const lastMessages = 20;

/** Prints the log from its start until the turn is finished, and returns its last messages. */
export async function printTurnLog(
  client: AdminClient,
  turn: AdminTurn,
  lines: Writable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const last: string[] = [];
  for await (const { message } of client.turnLogs(turn.TaskId, turn.TurnIndex, { signal })) {
    await print(lines, `${printableOutput(message)}\n`, signal);
    last.push(message.trim());
    if (last.length > lastMessages) last.shift();
  }
  return last;
}

// Silent while the server is unreachable: the log stream notices it too, and decides when to give up.
async function watchStatus(
  client: AdminClient,
  turn: AdminTurn,
  { onStatus, onTurn }: Record<'onStatus' | 'onTurn', (turn: AdminTurn) => void>,
  signal: AbortSignal,
): Promise<AdminTurn> {
  let [current, shown] = [turn, ''];
  for (;;) {
    onTurn(current);
    if (isTerminalStatus(current.Status)) return current;
    if (current.Status !== shown) onStatus(current);
    shown = current.Status;
    await sleep(statusPollMs, signal);
    try {
      current = await client.getTurn(turn.TaskId, turn.TurnIndex);
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
  }
}
