import type { Engine } from './engine.ts';
import { agentBundle, scriptedAgent } from './image.ts';

export interface RunnerSettings {
  /** The control plane. */
  url: string;
  token: string;
  /** Undefined: the scripted agent runs as a process, with this home folder. */
  engine: Engine | undefined;
  home: string;
  github: { connection: string; url: string; token: string };
}

/** The runner's configuration file. */
export function runnerConfig({ url, token, engine, home, github }: RunnerSettings): string {
  return `[runner]
url = "${url}"
token = "${token}"
runtime = "${engine ?? 'host'}"

[github.demo]
connection_id = "${github.connection}"
url = "${github.url}"
token = "${github.token}"

${engine === undefined ? hostSettings(home) : containerSettings}
# Shorter than the defaults, so that the demo stops fast.
[queues]
poll_wait = "1s"
drain_time = "1s"
`;
}

// The servers of the demo listen on loopback only.
const containerSettings = `[jobs]
network = "host"

[images]
pull_policy = "never"
`;

function hostSettings(home: string): string {
  const command = JSON.stringify([process.execPath, scriptedAgent]);
  const env = [`HOME=${home}`, 'PLAN42_AGENT=custom', `PLAN42_AGENT_COMMAND=${command}`];
  return `[host]
unisolated = true
command = ${JSON.stringify([process.execPath, agentBundle])}

[jobs]
env = ${JSON.stringify(env)}
`;
}

/** The first part, for people: without secrets, and without what only the demo needs. */
export function shownConfig(config: string): string {
  const [shown = ''] = config.split(/^\[(?:jobs|host)\]$/m);
  return shown.replaceAll(/^token = "(p42r_)?.*"$/gm, 'token = "$1…"');
}
