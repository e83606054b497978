export interface Measured {
  ms: number;
  output: unknown;
  error: unknown;
}

export async function measure(work: () => unknown): Promise<Measured> {
  const before = performance.now();
  try {
    const output = await work();
    return { ms: performance.now() - before, output, error: undefined };
  } catch (error) {
    return { ms: performance.now() - before, output: undefined, error };
  }
}

const repetitions = 7;

/**
 * The time that the work needs, without other processes, compilation and garbage collection as far as possible: the shortest
 * of several times, or the mean processor time of this thread if that is less. Ends early below `enough`.
 */
export async function neededMs(work: () => unknown, enough = 0): Promise<number> {
  const cpuBefore = process.threadCpuUsage();
  let shortest = Number.POSITIVE_INFINITY;
  for (let n = 1; n <= repetitions && shortest > enough; n++) shortest = Math.min(shortest, (await measure(work)).ms);
  const { user, system } = process.threadCpuUsage(cpuBefore);
  // Processor time has a resolution of up to 10 ms.
  return shortest <= enough ? shortest : Math.min(shortest, ((user + system) / 1000 + 10) / repetitions);
}
