import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../lib/errors.ts';
import { checkWallTemplate } from './check-wall.ts';

test('a template that leads around the wall is refused, and one that opens something else is not', () => {
  const open = { field: 'hostNetwork: true', opens: 'agents have the network of the node', breaksWall: true };
  const harmless = { field: 'automountServiceAccountToken: true', opens: 'agents get a token', breaksWall: false };
  checkWallTemplate([]);
  checkWallTemplate([harmless]);
  assert.throws(
    () => checkWallTemplate([harmless, open]),
    (error) =>
      error instanceof UserError &&
      error.message ===
        'cannot limit the network of the job: kubernetes.pod_template sets hostNetwork: true: agents have the network of the node' &&
      error.remedy?.startsWith('Remove that from the file') === true,
  );
});
