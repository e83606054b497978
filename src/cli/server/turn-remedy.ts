/** The remedy for a failed turn. */
import { isExcluded, missingEntry, type NetworkHost } from '../../plan42/turn-network.ts';
import { serverWords, type TaskWords } from './task-words.ts';

/** The errors of runner and server that another turn would meet again. Tests compare them with the real messages. */
const causesInImage = [
  /^invalid Docker image: /,
  /^the image '.*' is not allowed on this runner/,
  /^cannot pull the image /,
  /^the image .* is not on this machine/,
  /^The agent in the image .* could not be started: /,
];
const causesInTask = [
  /^the environment of the task was deleted/,
  /^invalid (?:task ID|turn index): /,
  /^missing agent token/,
];

interface TurnCase {
  words?: TaskWords;
  /** The hosts that the network of the job refused, as far as they are known. */
  refused?: readonly NetworkHost[];
}

/** Returns what can fix the failure of a turn. Suggests another try only if that can succeed. */
export function turnRemedy(
  taskId: string,
  errorMessage: string,
  { words = serverWords, refused = [] }: TurnCase = {},
): string {
  const nextTurn = `"${words.nextTurn(taskId)}"`;
  if (causesInTask.some((cause) => cause.test(errorMessage))) return `Create a new task with "${words.newTask}".`;
  if (errorMessage.includes('images.pull_policy'))
    return `Change images.pull_policy on the runner, then run ${nextTurn}.`;
  if (causesInImage.some((cause) => cause.test(errorMessage)))
    return `Fix the cause and run ${nextTurn}, or create a task with another image: "${words.newTaskWithImage}".`;
  const { hosts, isOutside } = refusedHosts(errorMessage, refused);
  const withHosts = hosts.length === 0 ? undefined : words.nextTurnWithHosts?.(taskId, hosts);
  if (withHosts === undefined) return `Try again with ${nextTurn}.`;
  const first = isOutside ? 'add it to egress.allowed of the runner, then ' : '';
  return `To allow ${hosts.join(', ')}, ${first}run "${withHosts}". Otherwise, try again with ${nextTurn}.`;
}

const maxHosts = 5;
/** A host that needs no quotes in a shell. */
const plainHost = /^[\w.:-]{1,300}$/;

/** The entries that would allow what was refused, and whether the runner limits them. */
function refusedHosts(errorMessage: string, refused: readonly NetworkHost[]): { hosts: string[]; isOutside: boolean } {
  const all = refused.filter(({ Verdict }) => Verdict === 'Refused');
  const entries = all.flatMap((host) => missingEntry(host) ?? []).filter((entry) => plainHost.test(entry));
  if (entries.length > 0) return { hosts: [...new Set(entries)].slice(0, maxHosts), isOutside: all.some(isExcluded) };
  // As the gateway of the job has suggested it, of a runner whose reports the server does not have.
  const isRefused = errorMessage.includes('The network of the job refused ');
  const [, host] = (isRefused && /, add "([\w.:-]{1,300})" to AllowedHosts/.exec(errorMessage)) || [];
  return { hosts: host === undefined ? [] : [host], isOutside: isExcluded({ Remedy: errorMessage }) };
}
