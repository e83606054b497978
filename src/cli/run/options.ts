import type { LocationOptions } from '../server/location.ts';
import type { AgentOptions } from './choose-agent.ts';
import type { RunNetwork } from './network-names.ts';

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
  /** Undefined: limited, if this machine can limit it. */
  network?: RunNetwork;
  /** More hosts that it may reach. */
  allow?: string[];
  dirty?: boolean;
  /** The task that gets another turn. */
  turn?: string;
}
