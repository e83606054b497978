/** The remedy for a failed turn. */
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

/** Returns what can fix the failure of a turn. Suggests another try only if that can succeed. */
export function turnRemedy(taskId: string, errorMessage: string, words: TaskWords = serverWords): string {
  const nextTurn = `"${words.nextTurn(taskId)}"`;
  if (causesInTask.some((cause) => cause.test(errorMessage))) return `Create a new task with "${words.newTask}".`;
  if (errorMessage.includes('images.pull_policy'))
    return `Change images.pull_policy on the runner, then run ${nextTurn}.`;
  if (causesInImage.some((cause) => cause.test(errorMessage)))
    return `Fix the cause and run ${nextTurn}, or create a task with another image: "${words.newTaskWithImage}".`;
  // As the gateway of the job has suggested it.
  const isRefused = errorMessage.includes('The network of the job refused ');
  const [, host] = (isRefused && /, add "([\w.:-]{1,300})" to AllowedHosts/.exec(errorMessage)) || [];
  const withHost = host === undefined ? undefined : words.nextTurnWithHost?.(taskId, host);
  return withHost === undefined
    ? `Try again with ${nextTurn}.`
    : `To allow ${host}, run "${withHost}". Otherwise, try again with ${nextTurn}.`;
}
