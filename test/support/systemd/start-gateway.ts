/** Raises the wall of a job as a runner does, and stays. Argument: the job's folder. */
import { join } from 'node:path';
import { raiseWall } from '../../../src/wall/build.ts';
import { testPolicy } from '../wall/walled-job.ts';

const folder = process.argv[2] ?? '';
await raiseWall({ jobId: 'plan42-test-1', folder, logFile: join(folder, 'log') }, testPolicy, { env: process.env });
setInterval(() => {}, 60_000);
