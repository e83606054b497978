import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeVariables } from './write.ts';

test('a changed variable keeps the fields that only newer clients know', () => {
  const EnvVars = [{ Name: 'A', Value: '1', IsSecret: true, Newer: [1] }];
  const environment = { EnvironmentId: 'e', Version: 1, EnvVars };
  assert.deepEqual(changeVariables(environment, [{ Name: 'A', Value: '2', IsSecret: false }], []), [
    { Name: 'A', Value: '2', IsSecret: false, Newer: [1] },
  ]);
});
