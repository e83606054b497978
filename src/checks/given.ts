import type { Config } from '../config/schema.ts';
import { isWallForAll } from '../jobs/egress/server-only.ts';
import { UserError } from '../lib/errors.ts';
import type { Runtime } from '../runtimes/runtime.ts';
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
    const opensWall = await findOpenWall(runtime, config);
    if (opensWall !== undefined) return [opensWall];
    const writable = mounts.filter(({ isReadOnly }) => !isReadOnly).map(({ source }) => `${source} (writable)`);
    const readable = mounts.filter(({ isReadOnly }) => isReadOnly).map(({ source }) => source);
    return [passed(subject, `agents get ${[...writable, ...readable, ...env.map(({ name }) => name)].join(', ')}`)];
  });
}

/** Jobs behind the wall are refused because of these mounts. */
async function findOpenWall(runtime: Runtime, { egress }: Config): Promise<Finding | undefined> {
  if (egress.mode === 'off') return undefined;
  try {
    await runtime.checkWallMounts?.();
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const finding = failedWith(subject, error);
    return isWallForAll(egress) ? finding : { ...finding, status: 'warning' };
  }
}
