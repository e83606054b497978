/** Everything that an agent is started with. */
export interface AgentSettings {
  prompt: string;
  /** The folder that the agent works in. */
  folder: string;
  model: string | undefined;
  /** The task's own word, such as `low` or `high`. */
  reasoningLevel: string | undefined;
  /** If false, the agent must not get tools that search or fetch the web. */
  webSearch: boolean;
  /** The environment of the agent. Its keys are secret. */
  env: NodeJS.ProcessEnv;
  /** The session of an earlier turn, if this machine may still have it. */
  resume?: string | undefined;
}

/** The work of one turn, for an agent. */
export interface AgentTask extends AgentSettings {
  /** Aborting it kills the agent and everything that it started. */
  signal: AbortSignal;
  /** When an agent without progress is stopped. */
  watch?: Partial<WatchLimits>;
  /** The limit for the start of a session. By default 5 minutes. */
  startTimeoutMs?: number;
  /** An agent that has reported its result or a failure and does not exit is stopped then. By default after 10 s. */
  exitTimeoutMs?: number;
  /** Messages of people to the agent while it works. */
  followUps?: FollowUps;
  /** Called in order, and never after `runAgent` has settled. */
  onEvent(event: AgentEvent): void;
}

/** Messages to a working agent. */
export interface FollowUps {
  /** Takes the messages that have arrived since the last call. */
  take(): readonly string[];
  /** Sends the agent's answer to the messages that were taken last, if there were any. */
  answer(text: string): void;
}

/** Progress is a step, a text, or processor time of all that the agent started. A repeated request is none. */
export interface WatchLimits {
  pollMs: number;
  /** Without progress and without a running tool, the model provider is checked. */
  probeAfterMs: number;
  /** The limit for its response. By default 10 s. */
  probeTimeoutMs?: number;
  /** Without progress and without a running tool, that is logged. */
  noticeAfterMs: number;
  /** Without progress and without a running tool, the agent is stopped if its model provider does not respond to us either. */
  unresponsiveMs: number;
  /** Without progress and without a running tool, the agent is stopped. */
  stallMs: number;
  /** Without progress, the agent is stopped. */
  stallWithToolMs: number;
}

/** One step of an agent, for the turn's log. Texts of consecutive messages and thoughts are whole paragraphs, not tokens. */
export type AgentEvent =
  | { type: 'message' | 'thought' | 'output'; text: string }
  | { type: 'tool'; title: string; status: 'started' | 'done' | 'failed'; detail?: string }
  | { type: 'plan'; entries: { title: string; status: string }[] }
  | { type: 'usage'; usage: AgentUsage };

/** Tokens and costs since the agent started, as far as it reports them. */
export interface AgentUsage {
  inputTokens?: number;
  outputTokens?: number;
  cachedTokens?: number;
  costUsd?: number;
}

export interface AgentResult {
  /** The final answer, in Markdown. Empty if the agent ended without one. */
  message: string;
  /** The answers to messages that arrived while the agent worked. */
  later?: readonly string[];
  usage: AgentUsage | undefined;
  /** The agent's own ID of this conversation. */
  session?: string;
}

export type FailureKind =
  | 'no-key'
  | 'key-refused'
  | 'overloaded'
  | 'limit'
  | 'unreachable'
  | 'unresponsive'
  | 'refused'
  | 'exited'
  | 'hung'
  | 'protocol'
  | 'model'
  | 'web-search'
  | 'not-installed'
  | 'unknown-agent';

/** An agent that did not finish its work. The message is one sentence and a remedy, for the person who wrote the prompt. */
export class AgentFailure extends Error {
  override readonly name = 'AgentFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
