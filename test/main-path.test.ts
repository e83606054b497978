/** From a created task to a finished turn: the real control plane, the real runner, real containers from a real registry. */
import { testMainPath } from './support/job-suites/main-path.ts';

testMainPath('podman');
testMainPath('docker');
