/** Side effects of the screen. Their modules are loaded on first use, so that the screen appears at once. */
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
        void start(signal, async () => (await import('./validate.ts')).validate(effect, context, signal));
        break;
      }
      case 'cancel-validation':
        validation.abort();
        break;
      case 'check-github':
        void start(ended.signal, async () => (await import('./github.ts')).checkGithub(effect, context, ended.signal));
        break;
      case 'save':
        lastWrite = start(ended.signal, () => withFile(async () => (await import('./save.ts')).save(effect, context)));
        break;
      case 'reload':
        void start(ended.signal, () => withFile(async () => (await import('./save.ts')).reload(context.file)));
        break;
      case 'leave':
        leave(effect.how);
    }
  }

  async function survey(): Promise<void> {
    const { surveyRuntimes } = await import('../../runtimes/survey.ts');
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
