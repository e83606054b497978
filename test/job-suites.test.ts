/** Kills, limits, limits of tokens, adoption and moved tags, with each engine. test/kubernetes/parity.test.ts has the same in a cluster. */
import { suite } from 'node:test';
import { testAdoption } from './support/job-suites/adoption.ts';
import { testKill } from './support/job-suites/kill.ts';
import { testLimits } from './support/job-suites/limits.ts';
import { testModelLimits } from './support/job-suites/model-limits.ts';
import { testMovingTag } from './support/job-suites/moving-tag.ts';

// They mostly wait.
suite('jobs', { concurrency: 4 }, () => {
  for (const name of ['podman', 'docker'] as const) {
    testKill(name);
    testAdoption(name);
    testLimits(name);
    testModelLimits(name);
    testMovingTag(name);
  }
});
