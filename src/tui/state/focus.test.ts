import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, home, work } from '../../../test/support/screen-state.ts';

describe('moving', () => {
  it('goes through the runner section, and over the ends with Tab only', () => {
    const driver = drive();
    const trail = (['tab', 'tab', 'back-tab', 'up', 'up'] as const).map((key) => driver.press(key).state.focus);
    assert.deepEqual(trail, ['url', 'runtime', 'url', 'token', 'token']);
    assert.deepEqual(driver.press('back-tab').state.focus, 'cancel');
    assert.equal(driver.press('tab').state.focus, 'token');
    assert.equal(driver.press('up').state.focus, 'token');
  });

  it('moves to the next field with Enter in a text', () => {
    assert.equal(drive().press('enter').state.focus, 'url');
  });

  it('goes from section to section with page keys', () => {
    const driver = drive(filledFile).press('page-down').accept([work, home]);
    const trail = (['page-down', 'page-down', 'page-down', 'page-down', 'page-up', 'page-up', 'page-up'] as const).map(
      (key) => driver.press(key).state.focus,
    );
    assert.deepEqual(trail, [
      ...['github:22:url', 'github:99:url', 'openai_endpoint', 'ok'],
      ...['openai_endpoint', 'github:99:url', 'github:22:url'],
    ]);
  });

  it('goes between the buttons with left and right', () => {
    const driver = drive().press('back-tab');
    const trail = (['left', 'left', 'right', 'right'] as const).map((key) => driver.press(key).state.focus);
    assert.deepEqual(trail, ['ok', 'ok', 'cancel', 'cancel']);
  });
});
