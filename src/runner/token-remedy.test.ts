import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenRemedy } from './token-remedy.ts';

test('names the place of the token, and a restart where it is needed', () => {
  assert.match(tokenRemedy({ PLAN42_RUNNER_TOKEN: '' }), /set it as runner\.token: .* without a restart\.$/);
  const PLAN42_RUNNER_TOKEN = 'p42r_x';
  assert.match(tokenRemedy({ PLAN42_RUNNER_TOKEN }), /set it as PLAN42_RUNNER_TOKEN, and restart the runner\.$/);
  const inPod = tokenRemedy({ PLAN42_RUNNER_TOKEN, KUBERNETES_SERVICE_HOST: '10.0.0.1' });
  assert.match(inPod, /into the Secret from which the pod has PLAN42_RUNNER_TOKEN, and restart the pod\.$/);
  assert.ok(!inPod.includes(PLAN42_RUNNER_TOKEN.slice(0, 5)));
});
