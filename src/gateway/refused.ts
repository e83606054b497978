/** The hosts that the gateway of a job has refused, as programs in the job can read them: JSON at `/refused` of the gateway. */
import * as v from 'valibot';

/** Requested from the gateway itself, not by it from a host: with a path alone, not with a URL. */
export const refusedPath = '/refused';

const RefusedHost = v.object({
  host: v.string(),
  port: v.number(),
  /** Why, without a full stop. */
  rule: v.string(),
  /** A sentence that says how to allow it. */
  remedy: v.string(),
});
export type RefusedHost = v.InferOutput<typeof RefusedHost>;

export const RefusedHosts = v.object({ refused: v.array(RefusedHost) });

const maxShown = 3;

/** Sentences that name the hosts, with a space before; empty if there are none. */
export function describeRefused(refused: readonly RefusedHost[]): string {
  const [first] = refused;
  if (first === undefined) return '';
  const shown = refused.slice(0, maxShown).map(({ host, port }) => `${host}:${port}`);
  const more = refused.length > shown.length ? ` and ${refused.length - shown.length} more` : '';
  return ` The network of the job refused ${shown.join(', ')}${more}: ${first.rule}. ${first.remedy}`;
}
