import { randomBytes, randomUUID } from 'node:crypto';
import { machineHeaders, type SlotReport } from '../../src/plan42/runner-headers.ts';
import { type Answerer, answerAll, FakeRunner } from './fake-runner.ts';
import type { Json } from './json.ts';

export interface FakeMachineOptions {
  url: string;
  token: string;
  name: string;
  slots: number;
  instanceId?: string;
  /** Responds to invocations; by default accepts them. */
  answer?: Answerer;
}

/** A runner that reports its free slots: each accepted turn takes one until the test finishes it. */
export class FakeMachine implements AsyncDisposable {
  readonly instanceId: string;
  readonly runner: FakeRunner;
  /** The task IDs of the turns that it got, in order. */
  readonly tasks: string[] = [];
  reason: SlotReport['reason'];
  readonly #run = randomBytes(4).toString('hex');
  #sequence = 0;
  #free: number;

  constructor({ url, token, name, slots, instanceId = randomUUID(), answer = answerAll }: FakeMachineOptions) {
    this.instanceId = instanceId;
    this.#free = slots;
    const headers = () => {
      this.#sequence += 1;
      const report = { max: slots, run: this.#run, sequence: this.#sequence, reason: this.reason };
      return machineHeaders({ instanceId, machine: name, slots: { ...report, free: this.#free } });
    };
    const onRequest = (request: Json) => {
      if (request.Type === 'InvokeAgentRequest') {
        this.tasks.push(request.Task.TaskId);
        this.#free -= 1;
      }
      return answer(request);
    };
    this.runner = new FakeRunner({ url, token, answer: onRequest, headers });
  }

  static async start(options: FakeMachineOptions): Promise<FakeMachine> {
    const machine = new FakeMachine(options);
    await machine.runner.register();
    machine.runner.start();
    return machine;
  }

  /** Frees a slot and reports that, while the long poll is waiting. */
  async finish(): Promise<void> {
    this.#free += 1;
    await this.report();
  }

  async report(): Promise<void> {
    const messages = await this.runner.receive(0);
    await Promise.all(messages.map((message) => this.runner.handle(message)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner[Symbol.asyncDispose]();
  }
}
