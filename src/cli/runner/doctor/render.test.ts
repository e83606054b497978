import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warning } from '../../../checks/finding.ts';
import { createStyle } from '../../style.ts';
import { renderResult } from './render.ts';

const finding = warning('runner.runtime', 'host: plan42 (also ready: podman)', {
  text: 'If you do not trust the agents with that, set it to podman.',
  command: 'plan42 runner config set runner.runtime podman',
});
const check = { name: 'runtime', title: 'Container runtime', run: async () => [finding] };
const result = { check, status: 'warning', findings: [finding], durationMs: 1, isUnfinished: false } as const;
const render = (columns?: number) => renderResult(result, createStyle(false), columns);

test('wraps sentences, but not commands', () => {
  assert.equal(
    render(60),
    `warning  Container runtime  host: plan42 (also ready:
                            podman)
                            If you do not trust the agents
                            with that, set it to podman:
                              plan42 runner config set runner.runtime podman
`,
  );
});

test('prints the findings below the title in a narrow terminal', () => {
  assert.equal(
    render(40),
    `warning  Container runtime
  host: plan42 (also ready: podman)
  If you do not trust the agents with
  that, set it to podman:
    plan42 runner config set runner.runtime podman
`,
  );
});

test('does not wrap without a terminal', () => {
  assert.equal(render().split('\n').length, 4);
});
