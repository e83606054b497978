import { systemClock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/format-duration.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { findProviderProblem, findServer } from './check-server.ts';
import { AgentFailure, type AgentTask, type WatchLimits } from './driver.ts';

const defaultLimits: WatchLimits = {
  pollMs: 10_000,
  probeAfterMs: 60_000,
  noticeAfterMs: 2 * 60_000,
  unresponsiveMs: 10 * 60_000,
  stallMs: 30 * 60_000,
  stallWithToolMs: 60 * 60_000,
};
/** A model provider may be restarted. */
const probes = 4;
/** An agent that waits uses less than a tenth of it, a tool that compiles or tests more. */
const busyShare = 0.05;

export interface WatchedAgent {
  adapter: Adapter;
  env: NodeJS.ProcessEnv;
  /** Whether the agent may be running a tool. */
  mayRunTool: () => boolean;
  /** Adds a line to the log. */
  log: (line: string) => void;
}

/**
 * Rejects `ended` if the turn is stopped, or the agent waits without end. An agent without progress may be thinking or running
 * a long tool, so that alone counts after a long time only. Sooner, it counts if the model provider has become unreachable,
 * refuses the key or does not respond, because agents repeat such requests, or wait for their responses, without end.
 */
export class AgentWatch implements Disposable {
  readonly #ended = Promise.withResolvers<never>();
  readonly #agent: WatchedAgent;
  readonly #limits: WatchLimits;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #disposed = new AbortController();
  readonly #abort = () => this.#ended.reject(this.#signal.reason);
  #lastProgressAt = systemClock.now();
  #failedProbes = 0;
  #isNoticed = false;
  #isChecking = false;
  /** Returns the processor time that the agent and its tools have used, in milliseconds. */
  usedCpuMs: () => Promise<number> = async () => 0;
  #cpu = { usedMs: 0, at: systemClock.now() };

  constructor(agent: WatchedAgent, { signal, watch }: Pick<AgentTask, 'signal' | 'watch'>) {
    this.#agent = agent;
    this.#limits = { ...defaultLimits, ...watch };
    this.#signal = signal;
    this.#ended.promise.catch(() => {});
    signal.addEventListener('abort', this.#abort, { once: true });
    this.#timer = setInterval(() => void this.#check(), this.#limits.pollMs);
  }

  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  refresh(): void {
    this.#lastProgressAt = systemClock.now();
    this.#failedProbes = 0;
    this.#isNoticed = false;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#disposed.abort();
    this.#signal.removeEventListener('abort', this.#abort);
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      if (await this.#isBusy()) this.refresh();
      const failure = await this.#findFailure();
      if (failure !== undefined) this.#ended.reject(failure);
    } catch {
      // The next check may be able to.
    } finally {
      this.#isChecking = false;
    }
  }

  async #isBusy(): Promise<boolean> {
    const [last, now] = [this.#cpu, { usedMs: await this.usedCpuMs(), at: systemClock.now() }];
    this.#cpu = now;
    return now.usedMs - last.usedMs > (now.at - last.at) * busyShare;
  }

  async #findFailure(): Promise<AgentFailure | undefined> {
    const { adapter, env, mayRunTool } = this.#agent;
    const { stallMs, stallWithToolMs, probeAfterMs, unresponsiveMs } = this.#limits;
    const stalledMs = systemClock.now() - this.#lastProgressAt;
    if (stalledMs > stallWithToolMs) return hung(adapter, `made no progress for ${formatDuration(stallWithToolMs)}`);
    if (mayRunTool()) return undefined;
    if (stalledMs > stallMs) return hung(adapter, `made no progress for ${formatDuration(stallMs)}`);
    this.#notice(stalledMs);
    if (stalledMs < probeAfterMs) return undefined;
    const problem = await findProviderProblem(adapter, env, this.#disposed.signal, this.#limits.probeTimeoutMs);
    this.#failedProbes = problem === undefined ? 0 : this.#failedProbes + 1;
    if (problem?.kind === 'unresponsive' && stalledMs < unresponsiveMs) return undefined;
    return this.#failedProbes < probes ? undefined : problem;
  }

  /** A model that thinks looks the same, so this is only for people who wait. */
  #notice(stalledMs: number): void {
    const { adapter, env, log } = this.#agent;
    const { noticeAfterMs } = this.#limits;
    if (this.#isNoticed || stalledMs < noticeAfterMs) return;
    this.#isNoticed = true;
    log(
      `no response from ${findServer(adapter, env)?.host ?? adapter.name} for ${formatDuration(noticeAfterMs).replace(/ 0 s$/, '')}`,
    );
  }
}

function hung({ name }: Adapter, what: string): AgentFailure {
  return new AgentFailure('hung', `cannot finish: ${name} ${what}. Run the task again, or split it.`);
}
