/** A way out of a job's container, as a line of a table. */
export interface Way {
  name: string;
  /** Commands in the container. Their last one fails if the way is closed. */
  tries: string;
  /** Whether the machine itself can go this way, so that the test would see it. */
  isOpenOutside?: boolean;
  /** Whether the way is open with a policy that allows everything, so that the policy alone closes it. */
  isOpenByPolicy?: boolean;
  /** The same commands, but for what closes the way: they must succeed. */
  twin?: string;
}

/** The program that tries them, in the container. */
export const w = '/given/ways';

/** An address of IPv6 as its program has it. */
export function hex(address: string): string {
  const groups = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - groups.flat().length }, () => '0');
  return [...(groups[0] ?? []), ...zeros, ...(groups[1] ?? [])].map((group) => group.padStart(4, '0')).join('');
}
