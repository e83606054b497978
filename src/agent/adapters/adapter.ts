import type { AgentEvent, AgentSettings, AgentUsage } from '../drivers/driver.ts';

/** One agent: how to install, start and understand it. Loading it has no side effects. */
export interface Adapter {
  name: string;
  /** The packages of an image with this agent. */
  packages: { npm?: readonly string[]; pip?: readonly string[]; apt?: readonly string[] };
  /** Variables with a key of a model provider, any one of which is sufficient. Empty if the agent needs none. */
  keys: readonly string[];
  /** Hosts that the agent must reach. */
  hosts: readonly string[];
  /** Speaks the Agent Client Protocol. Preferred if its program is installed. */
  acp?: (settings: AgentSettings) => Launch;
  /** Takes the prompt as an argument or from standard input, and exits when it is done. */
  commandLine?: (settings: AgentSettings) => CommandLine;
}

export interface Launch {
  /** The program, which is looked up in `PATH`, and its arguments. Never contains a secret. */
  command: readonly [string, ...string[]];
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** Files that must exist before the agent starts, such as its trust in the folder. `~/` is its home folder. Never replaced. */
  files?: Readonly<Record<string, string>>;
}

export interface CommandLine extends Launch {
  /** Becomes standard input. By default that is empty. */
  input?: string;
  /** Reads one line of JSON from standard output. By default the output is text, and all of it is the answer. */
  read?: (line: Readonly<Record<string, unknown>>) => readonly LineEvent[];
}

/** The meaning of one line of an agent's output. */
export type LineEvent =
  | AgentEvent
  | { type: 'session'; id: string }
  /** The last line of a run. Without `message`, the last message is the answer. */
  | { type: 'result'; message?: string; usage?: AgentUsage }
  | { type: 'failure'; text: string };
