import type { LocationOptions } from './location.ts';

/** How the user calls the commands for tasks, for remedies and hints. */
export interface TaskWords {
  /** The group of `list`, `show`, `follow`, `cancel`. */
  task: string;
  nextTurn: (taskId: string) => string;
  /** Undefined if the hosts of a task are those of an environment that others share. */
  nextTurnWithHosts?: (taskId: string, hosts: readonly string[]) => string;
  newTask: string;
  newTaskWithImage: string;
}

export const serverWords: TaskWords = {
  task: 'plan42 server task',
  nextTurn: (taskId) => `plan42 server turn create ${taskId} --prompt TEXT`,
  newTask: 'plan42 server task create',
  newTaskWithImage: 'plan42 server task create --image IMAGE --prompt TEXT',
};

export const personalWords: TaskWords = {
  task: 'plan42 task',
  nextTurn: (taskId) => `plan42 task turn ${taskId} PROMPT`,
  nextTurnWithHosts: (taskId, hosts) =>
    `plan42 run --turn ${taskId} ${hosts.map((host) => `--allow ${host}`).join(' ')} PROMPT`,
  newTask: 'plan42 run',
  newTaskWithImage: 'plan42 run --image IMAGE PROMPT',
};

export function wordsOf({ personal }: LocationOptions): TaskWords {
  return personal === true ? personalWords : serverWords;
}
