/** Whatever is pressed, in whatever order, and whatever is answered meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Driver, drive, missing, ready } from '../../../test/support/screen-state.ts';
import { runtimeNames } from '../../config/schema.ts';
import { displayWidth } from '../../lib/display-width.ts';
import { draw } from '../view/draw.ts';
import { connectionsOf, fieldsOf } from './fields.ts';
import type { Effect, Key } from './state.ts';
import { textKeys } from './text-input.ts';

const keys: Key[] = [
  ...textKeys,
  ...(['tab', 'back-tab', 'up', 'down'] as const),
  ...(['page-up', 'page-down', 'enter', 'escape', 'interrupt', 'save', 'reveal', 'reload'] as const),
];
const file =
  '[runner]\ntoken = "t"\n[github.a]\nconnection_id = "1"\n[github."漢字"]\nconnection_id = "2"\ntoken = "x"\n';
const tenants = [[], [{ id: '1', name: 'a' }], Array.from({ length: 30 }, (_, n) => ({ id: `${n}`, name: `名 ${n}` }))];

/** Random input of the user, and responses to requests: soon, late or never. */
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('key' as const), key: fc.constantFrom(...keys) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('text' as const), text: fc.string({ unit: 'binary' }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('text' as const),
      text: fc.constantFrom('a', ' ', 'http://x', 'x'.repeat(999)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('answer' as const), good: fc.boolean(), pick: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('runtime' as const), index: fc.nat(3), ok: fc.boolean() }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

describe('any sequence of keys', () => {
  it('never crashes, always has a focus, fits the terminal, and saves only valid values on request', () => {
    const start = fc.constantFrom(undefined, '', file);
    const size = fc.record({ columns: fc.integer({ min: 20, max: 130 }), rows: fc.integer({ min: 7, max: 50 }) });
    fc.assert(
      fc.property(start, size, fc.array(action, { maxLength: 80 }), (content, { columns, rows }, actions) => {
        const driver = drive(content);
        const model = new Model(driver);
        for (const next of actions) {
          model.play(next);
          assert.ok(fieldsOf(driver.state).some(({ id }) => id === driver.state.focus));
          const { lines, cursor } = draw(driver.state, { columns, rows }, 0);
          assert.equal(lines.length, rows);
          for (const { spans } of lines) assert.ok(displayWidth(spans.map(({ text }) => text).join('')) <= columns);
          if (cursor) assert.ok(cursor.x < columns && cursor.y < rows && cursor.x >= 0 && cursor.y >= 0);
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** Knows which questions are open, and whether a save is right. */
class Model {
  readonly #driver: Driver;
  #open: Effect[] = [];
  /** Values that the server has accepted. */
  #taken = '';
  #wanted = false;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  play(action: Action): void {
    const { state } = this.#driver;
    if (action.type === 'runtime') {
      const name = runtimeNames[action.index] ?? 'docker';
      this.#driver.send({ type: 'runtime', status: (action.ok ? ready : missing)(name) });
    } else if (action.type === 'answer') this.#answer(action);
    else {
      const asksForSave = action.type === 'key' ? ['save', 'enter'].includes(action.key) : action.text === ' ';
      const isAtOk = state.focus === 'ok' || (action.type === 'key' && action.key === 'save');
      if (asksForSave && isAtOk) this.#wanted = true;
      this.#driver.send(action);
    }
    for (const effect of this.#driver.effects) this.#onEffect(effect);
  }

  #answer({ good, pick }: { good: boolean; pick: number }): void {
    const effect = this.#open.splice(pick, 1)[0];
    const base = this.#driver.state.base;
    if (effect?.type === 'validate') {
      const { attempt } = effect;
      const tenant = tenants[pick % tenants.length] ?? [];
      const isCurrent = attempt === this.#driver.state.attempts && this.#driver.state.validation.phase === 'running';
      if (good && isCurrent) this.#taken = `${effect.token} ${effect.url}`;
      if (good) this.#driver.send({ type: 'accepted', attempt, connections: tenant });
      else if (isCurrent) this.#wanted = false;
      if (!good) this.#driver.send({ type: 'refused', attempt, setting: pick === 0 ? 'url' : 'token', message: 'no' });
    } else if (effect?.type === 'check-github') {
      this.#driver.send({ ...effect, type: 'github-checked', ok: good, text: 'octocat (repo)' });
    } else if (effect?.type === 'save') {
      if (good) this.#driver.send({ type: 'saved', base, changed: true, message: 'Saved.', goal: effect.goal });
      else this.#driver.send({ type: 'not-saved', message: 'no', conflict: pick === 0 });
    } else if (effect?.type === 'reload') this.#driver.send({ type: 'reloaded', base });
    else this.#driver.effects = [];
  }

  #onEffect(effect: Effect): void {
    if (effect.type === 'cancel-validation') this.#wanted = false;
    if (effect.type === 'leave' || effect.type === 'cancel-validation') return;
    this.#open.push(effect);
    if (effect.type !== 'save') return;
    const { state } = this.#driver;
    assert.ok(this.#wanted, 'OK or Ctrl-S was pressed');
    assert.equal(this.#taken, `${state.draft.runner.token} ${state.draft.runner.url}`, 'the server has taken these');
    assert.ok(!state.conflict);
    for (const { url } of connectionsOf(state)) assert.ok(url === '' || /^(https:|http:\/*127)/.test(url), url);
    this.#wanted = false;
  }
}
