import { type Config, type RuntimeName, runtimeNames } from '../config/schema.ts';
import { ExitCode } from '../lib/errors.ts';
import { createRuntime } from '../runtimes/select.ts';
import type { RuntimeStatus } from '../runtimes/status.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, warning } from './finding.ts';

type Candidate = Omit<RuntimeStatus, 'installed'> & { warnings: readonly string[] };

const subject = 'runner.runtime';

/** The runtime that the runner would use is ready. Also names the other ready runtimes. */
export function checkRuntime(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const all = await Promise.all(runtimeNames.map((name) => inspectRuntime(name, config, context)));
    const configured = config.runner.runtime;
    const chosen = all.find(({ name, readiness }) =>
      configured === undefined ? readiness.ready : name === configured,
    );
    const others = all.filter((each) => each !== chosen && each.readiness.ready).map(({ name }) => name);
    if (chosen === undefined) return [noneReady(all)];
    if (!chosen.readiness.ready) return [notReady(chosen, others)];
    const alternatives = others.length > 0 ? ` (also ready: ${others.join(', ')})` : '';
    return [passed(subject, chosen.readiness.detail + alternatives), ...cautions(chosen, config)];
  });
}

async function inspectRuntime(name: RuntimeName, config: Config, { env, signal }: CheckContext): Promise<Candidate> {
  const runtime = createRuntime(name, { config, env, instanceId: '', knownJobs: async () => [] });
  return { name, readiness: await runtime.checkReady(signal), warnings: runtime.warnings ?? [] };
}

function noneReady(all: readonly Candidate[]): Finding {
  const reasons = all.map(({ name, readiness }) => `${name}: ${readiness.ready ? 'ready' : readiness.reason}`);
  const remedy = { text: 'Install and start Docker or Podman, or set runner.runtime.' };
  return failed(subject, `no runtime is ready (${reasons.join('; ')})`, remedy, ExitCode.runtime);
}

function notReady({ name, readiness }: Candidate, others: readonly string[]): Finding {
  const reason = readiness.ready ? '' : readiness.reason;
  const instead = others.length > 0 ? ` Or set runner.runtime to ${others.join(' or ')}, which is ready.` : '';
  const text = `${readiness.ready ? '' : readiness.remedy}${instead}`;
  return failed(subject, `${name} is not ready: ${reason}`, { text }, ExitCode.runtime);
}

function cautions({ name, warnings }: Candidate, config: Config): Finding[] {
  const notes = warnings.map((text) => warning(subject, text));
  if (name !== 'host') return notes;
  const text = 'If you do not trust the agents with that, set runner.runtime to docker or podman.';
  const command = config.host.command?.[0] ?? '';
  return [
    ...notes,
    warning(subject, `${command} runs without isolation, with access to your files and network`, { text }),
  ];
}
