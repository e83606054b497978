import type { LocationOptions } from '../server/location.ts';
import type { AgentOptions } from './choose-agent.ts';

/** Options for the result of a turn. */
export interface ResultOptions {
  apply?: boolean;
  pr?: boolean;
  json?: boolean;
  detach?: boolean;
}

export interface RunOptions extends LocationOptions, AgentOptions, ResultOptions {
  promptFile?: string;
  title?: string;
  model?: string;
  env?: string[];
  /** Hosts that the agent may reach, and then nothing else. */
  allow?: string[];
  dirty?: boolean;
  /** The task that gets another turn. */
  turn?: string;
}
