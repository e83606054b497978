import { shellQuote } from '../../lib/shell-quote.ts';
import type { LocationOptions } from './location.ts';

// Groups of commands before the command itself. An ID or a name never follows a group.
const command =
  /plan42 (?:task|server(?: (?:access-key|connection|environment|file|task|token|turn|workstream))?) ([a-z]+)/g;
/** Commands about a server on this machine. */
const local = new Set(['start', 'enable', 'disable', 'stop', 'status', 'logs', 'backup', 'restore']);

/** Adds `--data` or `--server`, with which the user has called a command, to each command in a hint or remedy. */
export function withLocation(text: string, { data, server }: LocationOptions): string {
  const options = [
    ...(data === undefined ? [] : [`--data ${shellQuote(data)}`]),
    ...(server === undefined ? [] : [`--server ${shellQuote(server)}`]),
  ].join(' ');
  if (options === '') return text;
  return text.replaceAll(command, (found, name: string) => {
    const isLocal = local.has(name) && found === `plan42 server ${name}`;
    return isLocal && server !== undefined ? found : `${found} ${options}`;
  });
}
