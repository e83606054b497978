import { isUuid } from '../../lib/uuid.ts';
import { instanceHeader } from '../../plan42/runner-headers.ts';
import type { ApiRequest } from '../http/route.ts';

/** Returns the instance ID of the runner that makes the request, if it says so. */
export function instanceIdOf({ headers }: Pick<ApiRequest, 'headers'>): string | undefined {
  const value = headers[instanceHeader];
  return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : undefined;
}
