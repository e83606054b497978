import * as v from 'valibot';
import type { NewTask } from './admin-client.ts';
import { AdminTask, AdminWorkstream } from './admin-objects.ts';
import type { ApiEndpoint } from './http.ts';
import { pathSegment } from './path-segment.ts';
import { TenantCalls } from './tenant-calls.ts';

type Versioned = Pick<AdminWorkstream, 'WorkstreamId' | 'Version'>;

/** The workstreams of a tenant. Each call rejects with an ApiError or a ConnectionError, or the signal's reason. */
export class WorkstreamClient {
  readonly #calls: TenantCalls;

  constructor(endpoint: ApiEndpoint, tenantId: string, signal?: AbortSignal) {
    this.#calls = new TenantCalls(endpoint, tenantId, signal);
  }

  list(): Promise<AdminWorkstream[]> {
    return this.#calls.list('/workstreams', {}, AdminWorkstream);
  }

  /** Creates a workstream, which is paused. */
  create(
    id: string,
    fields: { Name: string; Description: string; DefaultShortName: string },
  ): Promise<AdminWorkstream> {
    return this.#calls.call('PUT', workstreamPath(id), AdminWorkstream, { body: fields });
  }

  setPaused({ WorkstreamId, Version }: Versioned, Paused: boolean): Promise<AdminWorkstream> {
    return this.#calls.call('PATCH', workstreamPath(WorkstreamId), AdminWorkstream, {
      ifMatch: Version,
      body: { Paused },
    });
  }

  /** Deletes the workstream. Its tasks stay. */
  async delete({ WorkstreamId, Version }: Versioned): Promise<void> {
    await this.#calls.call('DELETE', workstreamPath(WorkstreamId), v.unknown(), { ifMatch: Version });
  }

  /** In their order. */
  listTasks({ WorkstreamId }: Pick<AdminWorkstream, 'WorkstreamId'>): Promise<AdminTask[]> {
    return this.#calls.list(`${workstreamPath(WorkstreamId)}/tasks`, {}, AdminTask);
  }

  /** Adds a task for an agent at the end. The workstream stays as it is: paused or not. */
  createTask({ WorkstreamId }: Pick<AdminWorkstream, 'WorkstreamId'>, id: string, task: NewTask): Promise<AdminTask> {
    const path = `${workstreamPath(WorkstreamId)}/tasks/${pathSegment(id)}`;
    return this.#calls.call('PUT', path, AdminTask, { body: { ...task, AssignedToAI: true, AutoPause: false } });
  }
}

function workstreamPath(id: string): string {
  return `/workstreams/${pathSegment(id)}`;
}
