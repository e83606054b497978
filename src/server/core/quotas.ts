/** Checks of the limits on stored objects, at the two places that write them: `versioned.ts` and `turns.ts`. */
import type { Turn } from '../../plan42/objects.ts';
import { tooLarge } from './errors.ts';
import { formatLimit, jsonBytes, type Limit, limits } from './limits.ts';

const sizes: Readonly<Record<string, Limit>> = {
  Task: limits.task,
  Turn: limits.turn,
  Environment: limits.environment,
};
const counts: Readonly<Record<string, Limit>> = { Task: limits.tasks, Environment: limits.environments };

/**
 * Checks the size of an object before it is stored. One that an older version stored may stay too large, but not grow.
 * @throws DomainError `tooLarge`
 */
export function requireFit({ type }: { type: string }, object: object, previous?: object): void {
  const limit = sizes[type] ?? limits.otherObject;
  const size = jsonBytes(object);
  if (size <= limit.max || (previous !== undefined && size <= jsonBytes(previous))) return;
  throw tooLarge(`the ${type} is larger than ${formatLimit(limit)} with all its fields; shorten its texts`);
}

/** Checks the number of stored objects before another one is created. @throws DomainError `tooLarge` */
export function requireRoom(table: { type: string; count: () => number }): void {
  const limit = counts[table.type] ?? limits.otherObjects;
  if (table.count() < limit.max) return;
  throw tooLarge(`there are ${formatLimit(limit)} ${limit.what}, which is the limit; delete some`);
}

/** @throws DomainError `tooLarge` */
export function requireTurnRoom({ TurnIndex }: Turn): void {
  if (TurnIndex <= limits.turns.max) return;
  throw tooLarge(`the task has ${formatLimit(limits.turns)} turns, which is the limit; create another task`);
}
