/**
 * The tests of jobs on docker and podman, in a real cluster, with the rights of the runner's Role and nothing more. Slots, and a
 * runner that is killed at every step of its jobs, are in crash.test.ts, which is the same test too.
 */
import { testAdoption } from '../support/job-suites/adoption.ts';
import { testBoundedLog } from '../support/job-suites/bounded-log.ts';
import { testKill } from '../support/job-suites/kill.ts';
import { testLimits } from '../support/job-suites/limits.ts';
import { testMainPath } from '../support/job-suites/main-path.ts';
import { testModelLimits } from '../support/job-suites/model-limits.ts';
import { testMovingTag } from '../support/job-suites/moving-tag.ts';
import { testOutOfMemory } from '../support/job-suites/out-of-memory.ts';

testMainPath('kubernetes');
testOutOfMemory('kubernetes');
testKill('kubernetes');
testAdoption('kubernetes');
testLimits('kubernetes');
testModelLimits('kubernetes');
testMovingTag('kubernetes');
testBoundedLog('kubernetes');
