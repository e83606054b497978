import { type Config, type RuntimeName, runtimeNames } from '../../../../config/schema.ts';
import { ExitCode } from '../../../../lib/errors.ts';
import type { Readiness } from '../../../../runtimes/runtime.ts';
import { createRuntime } from '../../../../runtimes/select.ts';
import { type CheckContext, withConfig } from '../check.ts';
import { combine, type Finding, failed, ok, warning } from '../finding.ts';

interface Surveyed {
  name: RuntimeName;
  readiness: Readiness;
  warnings: readonly string[];
}

/** The runtime that the runner would use can start jobs; and which others could. */
export function checkRuntime(context: CheckContext): Promise<Finding> {
  return withConfig(context, async (config) => {
    const all = await Promise.all(runtimeNames.map((name) => survey(name, config, context)));
    const configured = config.runner.runtime;
    const chosen = all.find(({ name, readiness }) =>
      configured === undefined ? readiness.ready : name === configured,
    );
    const others = all.filter((each) => each !== chosen && each.readiness.ready).map(({ name }) => name);
    if (chosen === undefined) return noneReady(all);
    if (!chosen.readiness.ready) return notReady(chosen, others);
    const found = ok(chosen.readiness.detail + (others.length > 0 ? `; ${others.join(', ')} would be ready too` : ''));
    return combine([found, ...cautions(chosen, config)]);
  });
}

async function survey(name: RuntimeName, config: Config, { env, signal }: CheckContext): Promise<Surveyed> {
  const runtime = createRuntime(name, { config, env, instanceId: '', knownJobs: async () => [] });
  return { name, readiness: await runtime.checkReady(signal), warnings: runtime.warnings ?? [] };
}

function noneReady(all: readonly Surveyed[]): Finding {
  const reasons = all.map(({ name, readiness }) => `${name}: ${readiness.ready ? 'ready' : readiness.reason}`);
  const remedy = { text: 'Install and start Docker or Podman, or set runner.runtime.' };
  return failed(`none is ready (${reasons.join('; ')})`, remedy, ExitCode.runtime);
}

function notReady({ name, readiness }: Surveyed, others: readonly string[]): Finding {
  const reason = readiness.ready ? '' : readiness.reason;
  const instead = others.length > 0 ? ` Or set runner.runtime to ${others.join(' or ')}, which would be ready.` : '';
  const text = `${readiness.ready ? '' : readiness.remedy}${instead}`;
  return failed(`${name} is not ready: ${reason}`, { text }, ExitCode.runtime);
}

function cautions({ name, warnings }: Surveyed, config: Config): Finding[] {
  const notes = warnings.map((text) => warning(text));
  if (name !== 'host') return notes;
  const text = 'Where agents are not to be trusted with that, set runner.runtime to docker or podman.';
  const command = config.host.command?.[0] ?? '';
  return [...notes, warning(`${command} runs without isolation, with your files and network`, { text })];
}
