import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile } from '../../../test/support/screen-state.ts';

describe('leaving', () => {
  it('with Esc, Cancel and Ctrl-C saves nothing', () => {
    const leave = (how: string) => [{ type: 'leave', how }];
    assert.deepEqual(drive(filledFile).type('x').press('escape').effects, leave('cancelled'));
    assert.deepEqual(drive(filledFile).press('back-tab', 'enter').effects, leave('cancelled'));
    assert.deepEqual(drive(filledFile).press('tab', 'tab', 'enter', 'interrupt').effects, leave('interrupted'));
    assert.deepEqual(
      drive(filledFile).press('save', 'escape').effects,
      leave('cancelled'),
      'while the server is asked',
    );
  });
});
