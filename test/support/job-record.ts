import { randomUUID } from 'node:crypto';
import { formatJobId } from '../../src/jobs/job-id.ts';
import type { JobRecord } from '../../src/jobs/record.ts';

/** A job that was just accepted. */
export function makeRecord(fields: Partial<JobRecord> = {}): JobRecord {
  const taskId = fields.taskId ?? randomUUID();
  const turnIndex = fields.turnIndex ?? 1;
  return {
    recordVersion: 1,
    jobId: formatJobId(taskId, turnIndex),
    instanceId: randomUUID(),
    tenantId: 'tenant',
    taskId,
    turnIndex,
    title: 'A title',
    image: 'ghcr.io/org/agent:1',
    runtime: 'docker',
    phase: 'accepted',
    acceptedAt: new Date().toISOString(),
    ...fields,
  };
}
