/** Features that our server has beyond the protocol. It lists them when a queue registers; other servers list none. */
export const serverFeatures = [
  /** Reads the headers of `runner-headers.ts`, and gives a machine no more turns than it has free slots. */
  'FreeSlots',
  /** Serves `POST …/runners/:runnerId/ended-turns`. */
  'EndedTurns',
  /** Serves `POST …/runners/:runnerId/turn-networks`. */
  'TurnNetworks',
  /** Serves `PUT …/turns/:turnIndex/iterations/:iteration/provider-usage`, also for runners, with the fields `Cost` and `IsEstimate`. */
  'ProviderUsage',
] as const;
export type ServerFeature = (typeof serverFeatures)[number];

/** Replaces the known features by those that the server listed. */
export function noteFeatures(known: Set<ServerFeature>, listed: readonly string[]): void {
  for (const feature of serverFeatures) {
    if (listed.includes(feature)) known.add(feature);
    else known.delete(feature);
  }
}
