import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMetrics } from './prometheus-text.ts';

test('a metric has its help, its type and a line for each sample', () => {
  const text = renderMetrics([
    { name: 'jobs', help: 'jobs by state', type: 'gauge', samples: [{ labels: { state: 'running' }, value: 2 }] },
    { name: 'seconds_total', help: 'time', type: 'counter', samples: [{ value: 0.25 }] },
    { name: 'nothing', help: 'unknown', type: 'gauge', samples: [] },
  ]);
  const jobs = '# HELP jobs jobs by state\n# TYPE jobs gauge\njobs{state="running"} 2\n';
  assert.equal(text, `${jobs}# HELP seconds_total time\n# TYPE seconds_total counter\nseconds_total 0.25\n`);
});

test('labels and help cannot end their line or their quotation marks', () => {
  const samples = [{ labels: { a: 'x"\n\\', b: '2' }, value: 1 }];
  const text = renderMetrics([{ name: 'n', help: 'one\ntwo \\', type: 'gauge', samples }]);
  assert.equal(text, '# HELP n one\\ntwo \\\\\n# TYPE n gauge\nn{a="x\\"\\n\\\\",b="2"} 1\n');
});
