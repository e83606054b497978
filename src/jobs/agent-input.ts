import type { Connection } from '../config/schema.ts';
import { parseLossless } from '../lib/lossless-json.ts';
import { trimEnd } from '../lib/trim-end.ts';
import type { PartialTurn } from '../plan42/runner-objects.ts';

export interface AgentInputFields {
  /** The newest turn that the server returned. */
  turn?: PartialTurn | undefined;
  /** The runner's connection to GitHub that the request names. */
  connection?: Connection | undefined;
  feedback?: unknown;
  /** The models of the configuration, by their fields. */
  models?: Record<string, unknown>;
}

/** The agent's standard input: the request as received, unknown fields included, with a few fields replaced. */
export function buildAgentInput(
  request: string,
  { turn, connection, feedback, models = {} }: AgentInputFields,
): string {
  const input = parseLossless(request) as Record<string, unknown>;
  const replace = (name: string, value: unknown) => {
    if (value === undefined) return;
    // The request may spell the field with other capitals; the agent must not find two.
    const others = Object.keys(input).filter((key) => key.toLowerCase() === name.toLowerCase() && key !== name);
    for (const other of others) delete input[other];
    input[name] = value;
  };
  replace('Turn', turn);
  replace('GithubToken', connection?.token);
  replace('GithubURL', connection && trimEnd(connection.url.href, '/'));
  replace('FeedBack', feedback);
  for (const [name, value] of Object.entries(models)) replace(name, value);
  return JSON.stringify(input);
}
