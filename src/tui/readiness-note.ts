import { type RuntimeName, runtimeNames } from '../config/schema.ts';
import { firstReady, type RuntimeStatus } from '../runtimes/survey-result.ts';

/**
 * Why a runtime can't be used, and what to do about it; undefined if it can, or as long as nobody knows. Without a name
 * the first that is ready is meant.
 */
export function readinessNote(name: RuntimeName | undefined, statuses: readonly RuntimeStatus[]): string | undefined {
  if (name === undefined) {
    const isKnown = statuses.length === runtimeNames.length && firstReady(statuses) === undefined;
    return isKnown ? 'No runtime is ready. Install and start Docker or Podman.' : undefined;
  }
  const readiness = statuses.find((status) => status.name === name)?.readiness;
  if (readiness === undefined || readiness.ready) return undefined;
  return `${name} is not ready: ${readiness.reason}. ${readiness.remedy}`;
}
