/** An agent exceeds the memory limit of its job: its turn reports it with every engine and kernel. */
import { testOutOfMemory } from './support/job-suites/out-of-memory.ts';

testOutOfMemory('podman');
testOutOfMemory('docker');
