/** The guards of each intercepted host. */
import type { Target } from '../host-name.ts';
import type { EgressPolicy } from '../policy.ts';
import type { Guard } from './hooks.ts';

/** Returns the guards of a host, in the order in which they review a request. */
export type FindGuards = (target: Target) => readonly Guard[];

export function createGuards(_policy: EgressPolicy): FindGuards {
  return () => [];
}
