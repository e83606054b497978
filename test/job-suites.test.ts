/** What users see of the jobs of each engine. test/kubernetes/parity.test.ts has the same in a cluster. */
import { testAdoption } from './support/job-suites/adoption.ts';
import { testKill } from './support/job-suites/kill.ts';
import { testLimits } from './support/job-suites/limits.ts';
import { testMovingTag } from './support/job-suites/moving-tag.ts';

for (const name of ['podman', 'docker'] as const) {
  testKill(name);
  testAdoption(name);
  testLimits(name);
  testMovingTag(name);
}
