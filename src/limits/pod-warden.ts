/**
 * The warden of a job in a cluster, inside of its gateway's pod: it outlives the runner as the job does. It holds the limits of tokens
 * and money, and sends the job's pod what to do, where a process beside the agent does it (`src/wall/pod-init/limits.c`).
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { addUsage, roundCost, sumUsage, tokensOf } from '../gateway/models/usage.ts';
import type { ReachedLimit } from '../gateway/pod/channel.ts';
import type { CreateWarden, PodWarden, WardenContext } from '../gateway/pod/warden.ts';
import { systemClock } from '../lib/clock.ts';
import { formatError } from '../lib/errors.ts';
import { writeDurably } from '../lib/files.ts';
import { tryParseJson } from '../lib/json.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { contentForAgent } from './files.ts';
import { begin, consider } from './hold.ts';
import { JobLimits, type LimitUse, limitNames, noticeLine, reachedLine } from './limits.ts';
import { createPodLink } from './pod-link.ts';

const stateFile = 'limits-state.json';
/** The runner ends a job whose pod does not confirm in time that its agent has got SIGTERM. */
const confirmMs = 5000;
/** An agent that ends with its last call has finished, as with the warden of other runtimes, which looks so often. */
const delayMs = 500;

const State = v.object({
  noticed: v.array(v.picklist(limitNames)),
  reached: v.optional(v.object({ limit: v.picklist(['max_tokens', 'max_cost']), used: v.number(), atMs: v.number() })),
  /** Whether the log of the job has the line about the end. */
  isAnnounced: v.boolean(),
});
type State = v.InferOutput<typeof State>;

/** Rejects if the limits are not understood. */
export const createPodWarden: CreateWarden = async (context: WardenContext): Promise<PodWarden> => {
  const { folder, given, writeLine, writeNotice, writeReached } = context;
  const { wrapUpMs } = given;
  const limits = v.parse(JobLimits, given.limits);
  const { max_tokens, max_cost } = limits;
  const counted: JobLimits = {
    ...(max_tokens !== undefined && { max_tokens }),
    ...(max_cost !== undefined && { max_cost }),
  };
  const file = join(folder, stateFile);
  const state = await readState(file);
  const totals = sumUsage([]);
  let saving = Promise.resolve();
  const link = createPodLink({
    content: () => contentForAgent({ limits, wrapUpMs }, noticedUses(), endUse()),
    killInMs: () => state.reached && Math.max(0, state.reached.atMs + wrapUpMs - now()),
  });

  function save(): Promise<void> {
    saving = saving.then(() =>
      writeDurably(file, JSON.stringify(state)).catch((error: unknown) =>
        writeLine(`plan42: limits: cannot save the state: ${formatError(error)}`),
      ),
    );
    return saving;
  }

  const measure = () => ({ tokens: tokensOf(totals), cost: roundCost(totals.cost ?? 0) });

  /** Of limits of which most is used. */
  function noticedUses(): LimitUse[] {
    const end = endUse();
    const { tokens: max_tokens, cost: max_cost } = measure();
    const uses = Object.entries({ max_tokens, max_cost }).flatMap(([name, used]) => {
      const limit = name as 'max_tokens' | 'max_cost';
      const allowed = limits[limit];
      return allowed === undefined || limit === end?.limit || !state.noticed.includes(limit)
        ? []
        : [{ limit, used, allowed }];
    });
    return end === undefined ? uses : [...uses, end];
  }

  function endUse(): LimitUse | undefined {
    const allowed = state.reached && limits[state.reached.limit];
    return state.reached && allowed !== undefined ? { ...state.reached, allowed } : undefined;
  }

  function reached(): ReachedLimit | undefined {
    return state.isAnnounced && state.reached ? { ...state.reached, wrapUpMs } : undefined;
  }

  /** The runner takes the message as the word that the agent has got SIGTERM: one that has exited before has not. */
  async function end(): Promise<void> {
    await save();
    await systemClock.sleep(delayMs);
    await Promise.race([link.sendEnd(), systemClock.sleep(confirmMs)]);
    const use = endUse();
    if (use !== undefined && !state.isAnnounced) {
      state.isAnnounced = true;
      await save();
      writeLine(reachedLine(use, wrapUpMs));
    }
    const message = reached();
    if (message !== undefined) writeReached(message);
  }

  function look(): void {
    if (state.reached !== undefined) return;
    const verdict = consider(counted, { ...begin(0), noticed: state.noticed }, 0, measure());
    state.noticed = [...verdict.held.noticed];
    const { limit, used } = verdict.reached ?? {};
    if ((limit === 'max_tokens' || limit === 'max_cost') && used !== undefined) {
      state.reached = { limit, used, atMs: now() };
      void end();
    } else if (verdict.notices.length > 0) {
      void save();
      for (const use of verdict.notices) {
        writeLine(noticeLine(use));
        if (use.limit === 'max_tokens' || use.limit === 'max_cost') writeNotice(use.limit);
      }
      link.sendNotice();
    }
  }

  // A gateway that was killed may not have got so far.
  if (state.reached !== undefined) void end();
  return {
    take: (entry) => {
      addUsage(totals, entry);
      look();
    },
    accept: link.accept,
    reached,
  };
};

const now = () => systemClock.date().getTime();

async function readState(file: string): Promise<State> {
  const parsed = v.safeParse(State, tryParseJson((await readTextIfExists(file)) ?? ''));
  return parsed.success ? parsed.output : { noticed: [], isAnnounced: false };
}
