/**
 * Flags of Node.js for the executables. Under load, V8 enlarges the space for new objects by tens of MiB and keeps them; without
 * them, a runner with 200 jobs needs no measurable processor time more. One thread cleans such a small space; to wake up others
 * costs 5 % of the processor time of a message. Old objects may grow by 40 % before all garbage is collected, and no longer to four
 * times what is in use. No `--enable-source-maps`: Node.js reads the maps whenever a connection ends,
 * and keeps 20 MiB. `src/lib/source-positions.ts` reads them when a trace is printed.
 */
export const nodeFlags = ['--max-semi-space-size=2', '--no-parallel-scavenge', '--heap-growing-percent=40'];

/**
 * Flags of Node.js for processes that write code caches. V8 rejects a cache that was written with other flags; the seed makes
 * it reproducible.
 */
export const codeCacheFlags = ['--random-seed=1', ...nodeFlags];
