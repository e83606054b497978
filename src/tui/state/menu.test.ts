import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, missing, ready } from '../../../test/support/screen-state.ts';

describe('the drop-down', () => {
  const atRuntime = (content?: string) => drive(content).press('tab', 'tab');

  it('opens at the chosen one, moves, takes with Enter', () => {
    const driver = atRuntime(filledFile).press('enter');
    assert.equal(driver.state.menu, 0);
    const trail = (['down', 'tab', 'end', 'down', 'up', 'back-tab', 'home', 'up', 'page-down'] as const).map(
      (key) => driver.press(key).state.menu,
    );
    assert.deepEqual(trail, [1, 2, 4, 4, 3, 2, 0, 0, 4]);
    driver.press('enter');
    assert.deepEqual([driver.state.menu, driver.state.draft.runner.runtime], [undefined, 'kubernetes']);
  });

  it('closes with Esc as it was, and takes no text', () => {
    const driver = atRuntime(filledFile).press('enter', 'down').type('x').press('save', 'left').press('escape');
    assert.deepEqual([driver.state.menu, driver.state.draft.runner.runtime], [undefined, 'docker']);
    assert.deepEqual(driver.effects, []);
  });

  it('opens with the space bar too', () => {
    assert.equal(atRuntime(filledFile).type(' ').state.menu, 0);
  });

  it('chooses first ready in a new file, once all are known, unless one is chosen', () => {
    const events = [missing('docker'), ready('podman'), missing('apple'), ready('host')].map(
      (status) => ({ type: 'runtime', status }) as const,
    );
    const chosen = (driver: ReturnType<typeof drive>) => driver.state.draft.runner.runtime;
    assert.equal(chosen(drive().send(...events.slice(0, 3))), undefined);
    assert.equal(chosen(drive().send(...events)), 'podman');
    assert.equal(chosen(drive('[runner]\n').send(...events)), undefined);
    assert.equal(
      chosen(
        atRuntime()
          .press('enter', 'end', 'up', 'enter')
          .send(...events),
      ),
      'host',
    );
  });
});
