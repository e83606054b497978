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
  /**
   * The server of the model provider, which must be reachable if the first of the keys is set, and the variable that names
   * another one.
   */
  server?: {
    variable: string;
    url: string;
    /** A request below the URL that is refused if the key is. Undefined if the environment has no key for it. */
    keyCheck?: (env: NodeJS.ProcessEnv) => { path: string; headers: Record<string, string> } | undefined;
  };
  /** Speaks the Agent Client Protocol. Preferred if its program is installed. */
  acp?: (settings: AgentSettings) => AcpLaunch;
  /** Takes the prompt as an argument or from standard input, and exits when it is done. */
  commandLine?: (settings: AgentSettings) => CommandLine;
}

export interface Launch {
  /** The program, which is looked up in `PATH`, and its arguments. Never contains a secret. */
  command: readonly [string, ...string[]];
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** Files below the home folder, by their relative paths. They are replaced, so they must be the adapter's own. */
  files?: Readonly<Record<string, string>>;
  /**
   * Whether this launch gives the model no tool that searches or fetches the web, if the settings forbid it. Otherwise the
   * reason. Without the field, the agent is not started if they do.
   */
  withoutWebSearch?: true | string;
}

export interface AcpLaunch extends Launch {
  /** The mode in which the agent asks for no permission. */
  mode?: string;
  /** The way to authenticate if the agent refuses a session without. */
  authMethod?: string;
  /** `_meta` of the new session. */
  sessionMeta?: Readonly<Record<string, unknown>>;
}

export interface CommandLine extends Launch {
  /** Becomes standard input. By default that is empty. */
  input?: string;
  /** Reads one line of JSON from standard output. By default the output is text, and all of it is the answer. */
  read?: (line: Readonly<Record<string, unknown>>) => readonly LineEvent[];
  /** Whether the command continues the session of `resume`, so that a prompt need not repeat what was before. */
  continues?: boolean;
  /** Whether lines report a tool only when it has finished. */
  reportsToolsLate?: true;
  /** Finds the result in the text of an agent that exited with 0. */
  readText?: (output: string) => readonly LineEvent[];
}

/** The meaning of one line of an agent's output. */
export type LineEvent =
  | Exclude<AgentEvent, { type: 'tool' }>
  /** The title counts for all events with the same ID. */
  | { type: 'tool'; id: string; title?: string; status: 'started' | 'done' | 'failed'; detail?: string }
  /** A piece of a message, which the next piece continues. */
  | { type: 'piece'; text: string }
  | { type: 'session'; id: string }
  /** The last line of a run. Without `message`, the last message is the answer. */
  | { type: 'result'; message?: string; usage?: AgentUsage }
  | { type: 'failure'; text: string };
