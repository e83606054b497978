/** The tests of jobs on docker and podman, in a real cluster, with the rights of the runner's Role and nothing more. */
import { testMainPath } from '../support/job-suites/main-path.ts';
import { testOutOfMemory } from '../support/job-suites/out-of-memory.ts';

testMainPath('kubernetes');
testOutOfMemory('kubernetes');
