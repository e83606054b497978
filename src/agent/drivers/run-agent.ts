import type { Adapter } from '../adapters/adapter.ts';
import { AgentFailure, type AgentResult, type AgentTask } from './driver.ts';

/**
 * Lets an agent work until it is done, then kills everything that it started.
 * @throws AgentFailure, or the signal's reason
 */
export async function runAgent(adapter: Adapter, task: AgentTask): Promise<AgentResult> {
  task.signal.throwIfAborted();
  throw new AgentFailure('not-installed', `cannot start ${adapter.name}: this version has no driver for it.`);
}
