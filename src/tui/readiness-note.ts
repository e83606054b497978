import { localRuntimeNames, type RuntimeName } from '../config/schema.ts';
import { firstReady, type RuntimeStatus } from '../runtimes/status.ts';

/**
 * Returns why a runtime is not ready and the remedy; undefined if it is ready or still unknown. Without a name, checks
 * whether any runtime is ready.
 */
export function readinessNote(name: RuntimeName | undefined, statuses: readonly RuntimeStatus[]): string | undefined {
  if (name === undefined) {
    const isKnown =
      localRuntimeNames.every((local) => statuses.some((status) => status.name === local)) &&
      firstReady(statuses) === undefined;
    return isKnown ? 'No runtime is ready. Install and start Docker or Podman.' : undefined;
  }
  const readiness = statuses.find((status) => status.name === name)?.readiness;
  if (readiness === undefined || readiness.ready) return undefined;
  return `${name} is not ready: ${readiness.reason}. ${readiness.remedy}`;
}
