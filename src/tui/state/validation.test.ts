import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, work } from '../../../test/support/screen-state.ts';
import { fieldsOf } from './fields.ts';

describe('leaving the runner section downwards', () => {
  const asked = () => drive(filledFile).press('tab', 'tab', 'tab');

  it('continues when the server accepts the token', () => {
    const driver = asked();
    assert.deepEqual(driver.effects, [{ type: 'validate', attempt: 1, token: 'p42r_a', url: 'https://a.example' }]);
    assert.equal(driver.state.focus, 'runtime');
    driver.accept([work]);
    assert.equal(driver.state.focus, 'github:11:url');
    assert.deepEqual(driver.press('up', 'down').state.validation, { phase: 'valid' }, 'asked once only');
  });

  it('waits, whatever goes further down', () => {
    const driver = asked().press('tab', 'down', 'page-down');
    assert.deepEqual([driver.state.validation.phase, driver.state.focus, driver.effects], ['running', 'runtime', []]);
  });

  it('is given up by going back, by Enter on the drop-down and by Tab over the end', () => {
    for (const keys of [['up'], ['back-tab'], ['page-up'], ['enter']] as const) {
      const driver = asked().press(...keys);
      if (keys[0] === 'page-up') continue; // It is the first section.
      assert.deepEqual(driver.effects, [{ type: 'cancel-validation' }], keys[0]);
      assert.equal(driver.state.validation.phase, 'none');
      const focus = driver.state.focus;
      assert.equal(driver.accept([work]).state.focus, focus, 'a late answer counts no more');
      assert.equal(driver.state.validation.phase, 'none');
    }
  });

  it('moves the focus to the invalid field, and can be retried', () => {
    const driver = asked().refuse('token not authorized. Get a new one.');
    assert.deepEqual(driver.state.message, { kind: 'error', text: 'token not authorized. Get a new one.' });
    assert.deepEqual([driver.state.focus, driver.state.validation.phase], ['token', 'refused']);
    driver.press('page-down').refuse('unable to connect to server: x', 'url');
    assert.equal(driver.state.focus, 'url');
    driver.press('tab', 'tab').accept([work]);
    assert.deepEqual([driver.state.focus, driver.state.message], ['github:11:url', undefined]);
  });

  it('is invalidated by a change of token or URL, and keeps other changes', () => {
    const driver = asked().accept([work]).press('tab').type('X').press('page-up', 'tab').type('/x');
    assert.equal(driver.state.validation.phase, 'none');
    assert.deepEqual(
      fieldsOf(driver.state).map(({ id }) => id),
      ['token', 'url', 'runtime', 'ok', 'cancel'],
    );
    driver.press('tab', 'tab').accept([work]).press('tab');
    assert.equal(driver.state.draft.connections.get('11')?.token, 'ghp_aX');
  });

  it('ignores the answer to an earlier question', () => {
    const driver = asked().press('up').press('tab', 'tab');
    driver.send({ type: 'accepted', attempt: 1, connections: [] });
    assert.equal(driver.state.validation.phase, 'running');
    driver.send({ type: 'refused', attempt: 1, setting: 'token', message: 'x' });
    assert.equal(driver.state.validation.phase, 'running');
  });
});
