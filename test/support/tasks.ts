import type { Answer, TestControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

type Turn = Answer['body'];

export function jobIdOf(taskId: string, turnIndex = 1): string {
  return `plan42-${taskId}-${turnIndex}`;
}

/** Starts a task on an image; the prompt's `@@commands@@` are what the test agent does. */
export async function startTask(plane: TestControlPlane, image: string, commands = ''): Promise<string> {
  const EnvironmentId = await plane.newEnvironment({ DockerImage: image });
  return plane.newTask({ EnvironmentId, Prompt: commands === '' ? 'say hello' : `@@${commands}@@` });
}

export async function getTurn(plane: TestControlPlane, taskId: string): Promise<Turn> {
  return (await plane.call('GET', `tasks/${taskId}/turns/last`)).body;
}

/** Resolves when the turn is over, with all statuses that were seen on the way. */
export async function untilOver(
  plane: TestControlPlane,
  taskId: string,
  timeoutMs = 60_000,
): Promise<{ turn: Turn; statuses: string[] }> {
  const statuses: string[] = [];
  const turn = await eventually(async () => {
    const current = await getTurn(plane, taskId);
    if (statuses.at(-1) !== current.Status) statuses.push(current.Status);
    return ['Completed', 'Failed'].includes(current.Status) ? current : undefined;
  }, timeoutMs);
  return { turn, statuses };
}
