import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../lib/errors.ts';
import { createLogger } from '../lib/logger.ts';
import { RunnerHealth } from './health.ts';
import { watchRefusal } from './watch-refusal.ts';

type Answer = { reason: string; remedy: string } | undefined | Error;

/** Asks once for each answer. */
async function watchWith(...answers: Answer[]) {
  let log = '';
  const write = (text: string) => {
    log += text;
  };
  const logger = createLogger({ level: 'info', format: 'text', write, onError: () => {} });
  const health = new RunnerHealth(logger);
  health.reportSuccess('queue');
  const phases: string[] = [];
  const asked = Promise.withResolvers<void>();
  const pauses: number[] = [];
  const clock = {
    now: () => 0,
    date: () => new Date(),
    sleep: async (ms: number, signal?: AbortSignal) => {
      pauses.push(ms);
      phases.push(health.state.phase);
      if (answers.length === 0) {
        asked.resolve();
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
      }
    },
  };
  const whyRefused = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  using _watch = await watchRefusal({ runtime: { whyRefused }, health, logger, clock });
  const first = phases[0] ?? health.state.phase;
  await asked.promise;
  return { log, phases, pauses, first, trouble: health.troubles[0]?.message ?? '' };
}

const refused = { reason: 'unknown field "spec.nodeselector"', remedy: 'Correct the file.' };

test('jobs that the runtime refuses are a problem while it lasts, with one warning', async () => {
  const { log, phases, pauses, first } = await watchWith(refused, refused, undefined);
  assert.equal(first, 'degraded', 'known when it resolves');
  assert.deepEqual(phases, ['degraded', 'degraded', 'ready']);
  assert.deepEqual(pauses, [15_000, 15_000, 300_000]);
  assert.equal(
    log.match(
      /WARN +runtime refuses all jobs error="unknown field \\"spec\.nodeselector\\"" remedy="Correct the file\."/g,
    )?.length,
    1,
    log,
  );
  assert.equal(log.match(/runtime accepts jobs again/g)?.length, 1, log);
});

test('a template that becomes unreadable is such a problem, and another reason is another warning', async () => {
  const { log, phases, trouble } = await watchWith(
    undefined,
    new UserError('cannot read it', { remedy: 'Correct it.' }),
    refused,
  );
  assert.deepEqual(phases, ['ready', 'degraded', 'degraded']);
  assert.equal(log.match(/runtime refuses all jobs/g)?.length, 2, log);
  assert.equal(log.match(/runner ready/g)?.length, 1, log);
  assert.match(trouble, /unknown field/);
});

test('a cluster that does not respond changes nothing', async () => {
  const { log, phases } = await watchWith(new Error('reset'), refused, new Error('reset'));
  assert.deepEqual(phases, ['ready', 'degraded', 'degraded']);
  assert.doesNotMatch(log, /reset|again/);
});
