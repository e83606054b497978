import { localRuntimeNames, type RuntimeName } from '../config/schema.ts';
import type { Readiness } from './runtime.ts';

export interface RuntimeStatus {
  name: RuntimeName;
  installed: boolean;
  readiness: Readiness;
}

/** The runtime that is used if none is configured. */
export function firstReady(statuses: readonly RuntimeStatus[]): RuntimeName | undefined {
  return localRuntimeNames.find((name) => statuses.some((status) => status.name === name && status.readiness.ready));
}
