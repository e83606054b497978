import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStyle } from '../../style.ts';
import { warning } from './finding.ts';
import { renderOutcome } from './report.ts';

const finding = warning('host: plan42; podman would be ready too', {
  text: 'Where agents are not to be trusted with that, set it to podman.',
  command: 'plan42 runner config set runner.runtime podman',
});
const check = { name: 'runtime', title: 'Container runtime', run: async () => finding };
const render = (columns?: number) => renderOutcome({ ...finding, check, durationMs: 1 }, createStyle(false), columns);

test('sentences fit into the window, and commands stay whole', () => {
  assert.equal(
    render(60),
    `warning  Container runtime  host: plan42; podman would be
                            ready too
                            Where agents are not to be
                            trusted with that, set it to
                            podman:
                              plan42 runner config set runner.runtime podman
`,
  );
});

test('in a narrow window what was found comes below the title', () => {
  assert.equal(
    render(40),
    `warning  Container runtime
  host: plan42; podman would be ready
  too
  Where agents are not to be trusted
  with that, set it to podman:
    plan42 runner config set runner.runtime podman
`,
  );
});

test('what is no window has lines as long as they come', () => {
  assert.equal(render().split('\n').length, 4);
});
