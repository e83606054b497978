import { eventually } from './eventually.ts';
import { FakeMachine } from './fake-machine.ts';
import { answerAll } from './fake-runner.ts';
import type { Json } from './json.ts';

export interface FakeAgents extends AsyncDisposable {
  /** The instance ID of the machine. */
  instanceId: string;
  /** Resolves with the request of a task's newest turn, once a machine has it. */
  requestOf(taskId: string): Promise<Json>;
  /** The token of its agent. */
  tokenOf(taskId: string): Promise<string>;
}

/** A machine that accepts all turns and does no work: the test makes the calls of the agents. */
export async function startFakeAgents(runner: { url: string; token: string }): Promise<FakeAgents> {
  const requests = new Map<string, Json>();
  const machine = await FakeMachine.start({
    ...runner,
    name: 'm1',
    slots: 100,
    answer: (request) => {
      if (request.Type === 'InvokeAgentRequest') requests.set(request.Task.TaskId, request);
      return answerAll(request);
    },
  });
  const requestOf = (taskId: string) => eventually(async () => requests.get(taskId));
  return {
    instanceId: machine.instanceId,
    requestOf,
    tokenOf: async (taskId) => (await requestOf(taskId)).AgentToken,
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}
