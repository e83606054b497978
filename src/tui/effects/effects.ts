/** Side effects of the screen. */
import { isAbort } from '../../lib/errors.ts';
import type { Effect, Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';
import type { FileResult } from './save.ts';

export type LeaveReason = (Effect & { type: 'leave' })['how'];

export interface EffectsOptions extends EffectContext {
  dispatch: (event: Event) => void;
  leave: (how: LeaveReason) => void;
  /** Called with unexpected errors. */
  fail: (error: unknown) => void;
}

export interface Effects extends Disposable {
  run(effect: Effect): void;
  /** Checks all runtimes. */
  survey(): void;
  /** Resolves when the last write has finished. */
  written(): Promise<void>;
}

/** Disposing aborts running effects. */
export function createEffects({ dispatch, leave, fail, ...context }: EffectsOptions): Effects {
  const ended = new AbortController();
  let validation = new AbortController();
  let lastWrite: Promise<void> = Promise.resolve();
  // With the first survey, after the screen has appeared. Later, an upgrade may have replaced the files.
  let loading: Promise<typeof import('./work.ts')> | undefined;
  const load = () => (loading ??= import('./work.ts'));

  function start(signal: AbortSignal, work: () => Promise<Event>): Promise<void> {
    return work().then(
      (event) => {
        if (!signal.aborted) dispatch(event);
      },
      (error: unknown) => {
        if (!isAbort(error, signal)) fail(error);
      },
    );
  }

  /** Keeps the new file in the context. */
  async function withFile(work: () => Promise<FileResult>): Promise<Event> {
    const { file, event } = await work();
    context.file = file;
    return event;
  }

  function run(effect: Effect): void {
    switch (effect.type) {
      case 'validate': {
        validation = new AbortController();
        const signal = AbortSignal.any([ended.signal, validation.signal]);
        void start(signal, async () => (await load()).validateRunner(effect, context, signal));
        break;
      }
      case 'cancel-validation':
        validation.abort();
        break;
      case 'check-github':
        void start(ended.signal, async () => (await load()).requestGithubCheck(effect, context, ended.signal));
        break;
      case 'save':
        lastWrite = start(ended.signal, () => withFile(async () => (await load()).save(effect, context)));
        break;
      case 'reload':
        void start(ended.signal, () => withFile(async () => (await load()).reload(context.file)));
        break;
      case 'leave':
        leave(effect.how);
    }
  }

  async function survey(): Promise<void> {
    const { surveyRuntimes } = await load();
    for (const status of surveyRuntimes({ config: currentConfig(context), env: context.env, signal: ended.signal }))
      void start(ended.signal, async () => ({ type: 'runtime', status: await status }));
  }

  return {
    run,
    survey: () => void survey().catch(fail),
    written: () => lastWrite,
    [Symbol.dispose]: () => ended.abort(),
  };
}
