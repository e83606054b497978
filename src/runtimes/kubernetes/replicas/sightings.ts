/**
 * How a replica finds out, without comparing clocks, that another one has ended: its Lease keeps the same version for the
 * whole duration of a Lease, by the observer's own clock.
 */

export interface Listed {
  name: string;
  /** Changes with each renewal. */
  version: string;
}

interface Sighting {
  version: string;
  /** When this version was first seen. The renewal was earlier. */
  since: number;
  /** When the newest list that has it was requested. The version was current then, or later. */
  until: number;
}

export type Sightings = ReadonlyMap<string, Sighting>;

/** @param sentAt when the list was requested. @param receivedAt when it arrived */
export function observe(
  before: Sightings,
  listed: readonly Listed[],
  { sentAt, receivedAt }: { sentAt: number; receivedAt: number },
): Sightings {
  return new Map(
    listed.map(({ name, version }) => {
      const known = before.get(name);
      const since = known?.version === version ? known.since : receivedAt;
      return [name, { version, since, until: sentAt }];
    }),
  );
}

/** The Leases that were not renewed for the duration. */
export function findEnded(sightings: Sightings, durationMs: number): Listed[] {
  return [...sightings]
    .filter(([, { since, until }]) => until - since >= durationMs)
    .map(([name, { version }]) => ({ name, version }));
}

/** Whether a Lease is gone that was there before: its replica has stopped, or another one has seen its end. */
export function isAnyGone(before: Sightings, after: Sightings): boolean {
  return [...before.keys()].some((name) => !after.has(name));
}
