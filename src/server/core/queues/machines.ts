import type { Clock } from '../../../lib/clock.ts';
import type { RunnerIdentity, SlotReport } from '../../../plan42/runner-headers.ts';
import { type QueueKey, queueName, type RunnerKey, runnerName } from '../../store/runner-queues.ts';

/** A running instance of a runner that reports its free slots. Instances of one runner share its token, and the work. */
export interface Machine {
  /** Identifies the process: copies of one machine have the same instance ID. */
  id: string;
  /** The host name. */
  name: string;
  instanceId: string;
  slots: SlotReport;
}

interface Known extends Machine {
  /** The turns given to it that it has not responded to, with the sequence of the newest report when each was given. */
  readonly given: Map<string, number>;
  /** Its queues that are being polled, with the number of polls. */
  readonly polled: Map<string, { queue: QueueKey; polls: number }>;
  lastGivenAt: number;
  lastSeenMs: number;
}

/** For turns that a machine may have accepted without the server knowing: they are not given to another one before. */
export const machineGoneMs = 5 * 60_000;
const forgetAfterMs = 60 * 60_000;
// Per runner, so that made-up instance IDs use no memory without end.
const maxMachines = 1000;

/**
 * The machines of all runners and their free slots, from the headers of their polls and responses. Kept in memory: after a
 * restart of the server, the next polls fill it. A report does not count the turns that are on their way to the machine, so
 * these are subtracted until it responds.
 */
export class Machines {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #runners = new Map<string, Map<string, Known>>();
  /** Of each polled queue: the machine that polls it, or undefined for a runner that does not report slots. */
  readonly #pollers = new Map<string, string | undefined>();
  #gifts = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.now();
  }

  /**
   * Takes over a report. Returns the turns that were on their way to an earlier process of the machine, which are lost unless
   * it accepted them. They keep their slots until `release`, because they are sent to the same machine again.
   */
  report(runner: RunnerKey, identity: RunnerIdentity | undefined): string[] {
    if (!identity) return [];
    const { instanceId, machine: name, slots } = identity;
    const machines = this.#machinesOf(runner);
    const id = idOf(identity);
    const known = machines.get(id);
    if (!known) {
      this.#forgetGone(machines);
      const lost = takeOver(machines, instanceId);
      if (machines.size >= maxMachines) return lost;
      const machine = { id, name, instanceId, slots, lastGivenAt: 0, lastSeenMs: this.#clock.now() };
      const given = new Map(lost.map((turn) => [turn, slots.sequence]));
      machines.set(id, { ...machine, given, polled: new Map() });
      return lost;
    }
    known.lastSeenMs = this.#clock.now();
    // Requests on different connections can overtake each other.
    if (slots.sequence > known.slots.sequence) known.slots = slots;
    return [];
  }

  /** Records a poll until it is disposed of. Only a machine that polls is given turns, so that none waits in a dead queue. */
  open(queue: QueueKey, identity: RunnerIdentity | undefined): Disposable {
    const name = queueName(queue);
    const machine = identity && this.#machinesOf(queue).get(idOf(identity));
    this.#pollers.set(name, machine?.id);
    if (!machine) return { [Symbol.dispose]: () => {} };
    const entry = machine.polled.get(name) ?? { queue, polls: 0 };
    machine.polled.set(name, entry);
    entry.polls += 1;
    return {
      [Symbol.dispose]: () => {
        entry.polls -= 1;
        machine.lastSeenMs = this.#clock.now();
        if (entry.polls === 0) machine.polled.delete(name);
      },
    };
  }

  /** Forgets a deleted queue. */
  closeQueue(queue: QueueKey): void {
    const name = queueName(queue);
    this.#pollers.delete(name);
    for (const machine of this.#machinesOf(queue).values()) machine.polled.delete(name);
  }

  /** Whether the queue has been polled since the start of the server. */
  isKnown(queue: QueueKey): boolean {
    return this.#pollers.has(queueName(queue));
  }

  /** Whether the queue belongs to a runner that does not report slots. It is unknown until the first poll. */
  isWithoutReports(queue: QueueKey): boolean {
    const name = queueName(queue);
    return this.#pollers.has(name) && this.#pollers.get(name) === undefined;
  }

  /** The machines of a runner that poll, the emptiest first; of equally empty ones, the one that waited longest. */
  emptiestFirst(runner: RunnerKey): Machine[] {
    return [...this.#machinesOf(runner).values()]
      .filter((machine) => machine.polled.size > 0)
      .toSorted((a, b) => available(b) - available(a) || a.lastGivenAt - b.lastGivenAt);
  }

  /** The number of turns that the machine can start, without those on their way to it. */
  available(runner: RunnerKey, id: string): number {
    const machine = this.#machinesOf(runner).get(id);
    return machine ? available(machine) : 0;
  }

  /** Whether any machine of any runner can start a turn. */
  get hasFreeSlots(): boolean {
    return [...this.#runners.values()].some((machines) =>
      [...machines.values()].some((machine) => machine.polled.size > 0 && available(machine) > 0),
    );
  }

  /** The queues on which the machine polls now. */
  polledQueues(runner: RunnerKey, id: string): QueueKey[] {
    return [...(this.#machinesOf(runner).get(id)?.polled.values() ?? [])].map(({ queue }) => queue);
  }

  /** Records that a turn is on its way to the machine. */
  give(runner: RunnerKey, id: string, turn: string): void {
    const machine = this.#machinesOf(runner).get(id);
    if (!machine) return;
    this.#gifts += 1;
    machine.lastGivenAt = this.#gifts;
    machine.given.set(turn, machine.slots.sequence);
  }

  /** Records that the machine responded, or did not get the turn (`isTaken` false). */
  settle(runner: RunnerKey, id: string, turn: string, isTaken: boolean): void {
    const machine = this.#machinesOf(runner).get(id);
    const sequence = machine?.given.get(turn);
    if (!machine || sequence === undefined) return;
    machine.given.delete(turn);
    const isReported = machine.slots.sequence > sequence;
    // Its responses report the slots as well, unless a proxy drops the headers.
    if (isTaken && !isReported) machine.slots = { ...machine.slots, free: Math.max(0, machine.slots.free - 1) };
  }

  /** Frees the slots that a turn has on machines of the runner: it is not on its way to any. */
  release(runner: RunnerKey, turn: string): void {
    for (const { given } of this.#machinesOf(runner).values()) given.delete(turn);
  }

  /** Whether the machine has been silent for so long that its turns may be given to another one. */
  isGone(runner: RunnerKey, instanceId: string): boolean {
    const runs = [...this.#machinesOf(runner).values()].filter((machine) => machine.instanceId === instanceId);
    if (runs.some(({ polled }) => polled.size > 0)) return false;
    const lastSeenMs = Math.max(this.#startedMs, ...runs.map((machine) => machine.lastSeenMs));
    return this.#clock.now() - lastSeenMs >= machineGoneMs;
  }

  #machinesOf(runner: RunnerKey): Map<string, Known> {
    const name = runnerName(runner);
    const machines = this.#runners.get(name) ?? new Map<string, Known>();
    this.#runners.set(name, machines);
    return machines;
  }

  #forgetGone(machines: Map<string, Known>): void {
    const before = this.#clock.now() - forgetAfterMs;
    for (const { id, polled, lastSeenMs } of machines.values())
      if (polled.size === 0 && lastSeenMs < before) machines.delete(id);
  }
}

function available({ slots, given }: Known): number {
  return slots.reason === undefined ? Math.max(0, slots.free - given.size) : 0;
}

function idOf({ instanceId, slots }: RunnerIdentity): string {
  return `${instanceId}/${slots.run}`;
}

/** Removes the earlier processes of an instance, which no longer poll. Returns the turns that were on their way to them. */
function takeOver(machines: Map<string, Known>, instanceId: string): string[] {
  const earlier = [...machines.values()].filter(
    (machine) => machine.instanceId === instanceId && machine.polled.size === 0,
  );
  for (const { id } of earlier) machines.delete(id);
  return earlier.flatMap(({ given }) => Array.from(given.keys()));
}
