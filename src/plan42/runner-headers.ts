/**
 * Headers by which our runner says who it is and how many jobs it could start now. Other servers ignore them. Names are in
 * lower case, as Node.js has them.
 */
import { isUuid } from '../lib/uuid.ts';

/** The instance ID of the runner, which it keeps across restarts. */
export const instanceHeader = 'plan42-instance';
/** The host name, percent-encoded. */
export const machineHeader = 'plan42-machine';
/** `3;max=4;run=1f2e3d4c;seq=17;reason=low-disk` */
export const slotsHeader = 'plan42-free-slots';

export interface SlotReport {
  free: number;
  max: number;
  /** Identifies the process, because `sequence` starts again with each. */
  run: string;
  /** Of two reports of one process, the one with the higher number is newer. */
  sequence: number;
  /** Why no job can start although slots may be free. */
  reason: 'low-disk' | undefined;
}

/** A runner, as its requests describe it. */
export interface RunnerIdentity {
  instanceId: string;
  machine: string;
  slots: SlotReport;
}

const maxSlots = 10_000;
const maxMachineLength = 255;
const slotsPattern = /^(\d{1,5});max=(\d{1,5});run=([0-9a-f]{8});seq=(\d{1,15})(?:;reason=(low-disk))?$/;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export function machineHeaders({ instanceId, machine, slots }: RunnerIdentity): Record<string, string> {
  const { free, max, run, sequence, reason } = slots;
  return {
    [instanceHeader]: instanceId,
    [machineHeader]: encodeURIComponent(machine),
    [slotsHeader]: `${free};max=${max};run=${run};seq=${sequence}${reason ? `;reason=${reason}` : ''}`,
  };
}

/** Returns the identity in the headers, or undefined if any part is missing or invalid. */
export function parseMachineHeaders(headers: Headers): RunnerIdentity | undefined {
  const instanceId = parseInstanceId(headers);
  const machine = parseMachine(headers[machineHeader]);
  const slots = parseSlots(headers[slotsHeader]);
  return instanceId && machine && slots ? { instanceId, machine, slots } : undefined;
}

/** Returns the instance ID in lower case, or undefined. */
export function parseInstanceId(headers: Headers): string | undefined {
  const value = headers[instanceHeader];
  return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : undefined;
}

function parseMachine(value: string | string[] | undefined): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > 3 * maxMachineLength) return undefined;
  try {
    const name = decodeURIComponent(value);
    // A host name is shown to people: no control characters.
    return name.length <= maxMachineLength && !/\p{C}/u.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function parseSlots(value: string | string[] | undefined): SlotReport | undefined {
  const match = typeof value === 'string' ? slotsPattern.exec(value) : null;
  if (!match) return undefined;
  const [, free = '', max = '', run = '', sequence = '', reason] = match;
  if (Number(free) > maxSlots || Number(max) > maxSlots) return undefined;
  return {
    free: Number(free),
    max: Number(max),
    run,
    sequence: Number(sequence),
    reason: reason === undefined ? undefined : 'low-disk',
  };
}
