import { hostname } from 'node:os';
import * as v from 'valibot';
import { agentCaFile, type Config } from '../../config/schema.ts';
import { formatJobId } from '../../jobs/job-id.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import type { JobRecord } from '../../jobs/record.ts';
import { JobExistsError } from '../../jobs/store.ts';
import { readCaFile } from '../../lib/ca-file.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatError, UserError } from '../../lib/errors.ts';
import { InvalidImageError, parseImageReference } from '../../lib/image-reference.ts';
import type { Logger } from '../../lib/logger.ts';
import { describeIssue } from '../../lib/schema-error.ts';
import { isUuid } from '../../lib/uuid.ts';
import { isHeaderValue } from '../../plan42/http.ts';
import { InvokeAgentRequest, type InvokeAgentResponse } from '../../plan42/messages.ts';
import { isPathSegment } from '../../plan42/path-segment.ts';
import { isImageAllowed } from '../../runtimes/image-policy.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { Handler } from './handler.ts';

export interface InvokeAgentOptions {
  config: Config;
  jobs: Jobs;
  runtime: Runtime;
  instanceId: string;
  /** Used for requests without a tenant ID. */
  tenantId: string;
  /** Returns why the disk has too little space for a job; undefined if there is enough. */
  lowDiskReason: () => Promise<string | undefined>;
  logger: Logger;
}

/** The request is rejected; the message is sent to the caller. */
class RejectedRequest extends Error {}

/** Validates the request, stores the job durably and responds. The job itself runs in the background. */
export function createInvokeAgentHandler(options: InvokeAgentOptions): Handler {
  return async ({ text, body }) => {
    using arrival = options.jobs.arrive();
    const parsed = v.safeParse(InvokeAgentRequest, body);
    if (!parsed.success) return response(`invalid request: ${describeIssue(parsed.issues[0], 'message')}`);
    try {
      const record = checkRequest(parsed.output, options);
      const unable =
        (await options.lowDiskReason()) ?? unreadableCaFile(options.config) ?? (await settingsProblem(options.runtime));
      // A repeated request for a running job must be reported as existing, not as rejected.
      if (unable !== undefined && !options.jobs.has(record.jobId)) throw new RejectedRequest(unable);
      await options.jobs.accept(record, { request: text, agentToken: parsed.output.AgentToken ?? '' }, arrival);
      options.logger.info('job accepted', { job_id: record.jobId });
      return response(null);
    } catch (error) {
      return response(rejectionReason(error, options.logger));
    }
  };
}

function response(ErrorMessage: string | null): InvokeAgentResponse {
  return { Type: 'InvokeAgentResponse', ErrorMessage };
}

function rejectionReason(error: unknown, logger: Logger): string {
  if (error instanceof JobExistsError) return `the job ${error.message} is already queued or running`;
  if (error instanceof RejectedRequest || error instanceof InvalidImageError) {
    const message = error.message.slice(0, maxMessageLength);
    logger.warn('job rejected', { error: message });
    return message;
  }
  logger.error('cannot save job', { error });
  return `the runner cannot save the job: ${formatError(error)}`;
}

function checkRequest(request: InvokeAgentRequest, options: InvokeAgentOptions): JobRecord {
  const { Turn: turn, Task: task } = request;
  const taskId = turn?.TaskId;
  if (!isUuid(taskId)) throw new RejectedRequest(`invalid task ID: ${show(taskId)}`);
  const turnIndex = turn?.TurnIndex;
  if (typeof turnIndex !== 'number' || !Number.isSafeInteger(turnIndex) || turnIndex < 1 || turnIndex > 999_999_999) {
    throw new RejectedRequest(`invalid turn index: ${show(turnIndex)}`);
  }
  const image = checkImage(request.Environment?.DockerImage, options.config.images.allowed);
  checkAgentToken(request.AgentToken ?? '');
  const tenantId = turn?.TenantId ?? task?.TenantId ?? options.tenantId;
  if (!isPathSegment(tenantId)) throw new RejectedRequest(`invalid tenant ID: ${show(tenantId)}`);
  return {
    recordVersion: 1,
    jobId: formatJobId(taskId, turnIndex),
    instanceId: options.instanceId,
    tenantId,
    taskId,
    turnIndex,
    title: task?.Title ?? '',
    image,
    runtime: options.runtime.name,
    phase: 'accepted',
    acceptedAt: systemClock.date().toISOString(),
  };
}

// Node.js accepts headers of 16 KiB in all.
const maxTokenLength = 8192;

/** A token that cannot be sent would leave the turn without any update. */
function checkAgentToken(token: string): void {
  if (token === '') throw new RejectedRequest('missing agent token');
  if (token.length > maxTokenLength) throw new RejectedRequest(`invalid agent token: longer than ${maxTokenLength}`);
  if (!isHeaderValue(token) || token.includes(' ')) {
    throw new RejectedRequest('invalid agent token: it contains a line break or another invalid character');
  }
}

/** Without the authorities that you want agents to trust, an agent fails later, or trusts too little. */
function unreadableCaFile(config: Config): string | undefined {
  const caFile = agentCaFile(config);
  if (caFile === undefined) return undefined;
  try {
    readCaFile(caFile.path, caFile.setting);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return unableHere(error);
  }
}

/** Without the mounts and variables that you want agents to have, an agent fails later. */
async function settingsProblem(runtime: Runtime): Promise<string | undefined> {
  try {
    await runtime.checkSettings?.();
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return unableHere(error);
  }
}

function unableHere(error: UserError): string {
  return `${hostname()}: ${formatError(error)}. ${error.remedy}`;
}

function checkImage(image: unknown, allowed: readonly string[]): string {
  if (typeof image !== 'string') throw new RejectedRequest(`invalid Docker image: ${show(image)}`);
  try {
    parseImageReference(image);
  } catch (error) {
    if (error instanceof InvalidImageError) throw new RejectedRequest(`invalid Docker image: ${error.message}`);
    throw error;
  }
  if (!isImageAllowed(image, allowed)) {
    throw new RejectedRequest(`the image '${image}' is not allowed on this runner (images.allowed)`);
  }
  return image;
}

const maxShownLength = 200;
// Longer than any valid image reference.
const maxMessageLength = 900;

function show(value: unknown): string {
  if (value === undefined || value === null) return '(missing)';
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, maxShownLength);
}
