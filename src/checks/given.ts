import { UserError } from '../lib/errors.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failedWith, passed, skipped } from './finding.ts';
import { findRuntime } from './runtime.ts';

const subject = 'jobs';

/** Agents can get the mounts and the variables of the configuration. Never shows a value. */
export function checkGivenToAgents(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const { mounts, env } = config.jobs;
    if (mounts.length === 0 && env.length === 0) return [skipped(subject, 'no mounts or variables for agents')];
    const runtime = await findRuntime(config, context);
    if (runtime === undefined) return [skipped(subject, 'the runtime is not ready')];
    try {
      await runtime.checkSettings?.();
    } catch (error) {
      if (error instanceof UserError) return [failedWith(subject, error)];
      throw error;
    }
    const writable = mounts.filter(({ isReadOnly }) => !isReadOnly).map(({ source }) => `${source} (writable)`);
    const readable = mounts.filter(({ isReadOnly }) => isReadOnly).map(({ source }) => source);
    return [passed(subject, `agents get ${[...writable, ...readable, ...env.map(({ name }) => name)].join(', ')}`)];
  });
}
