import type { TurnApi } from './turn/api.ts';
import type { AgentRequest, RepoState } from './turn/request.ts';

const attempts = 8;

/** Writes the state of the task's work on its repositories, merged into what the server has. */
export class TaskUpdates {
  readonly #api: TurnApi;
  readonly #log: (line: string) => void;
  #version: number;
  #repoInfo: Record<string, RepoState>;

  constructor(api: TurnApi, request: AgentRequest, log: (line: string) => void) {
    this.#api = api;
    this.#log = log;
    this.#version = request.taskVersion;
    this.#repoInfo = request.repoInfo;
  }

  /** Never rejects: without it, the turn goes on, and the next one finds the branch and the pull request by their names. */
  async set(repo: string, state: RepoState): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const known = this.#repoInfo[repo] ?? {};
      const RepoInfo = { ...this.#repoInfo, [repo]: { ...known, ...state } };
      if (JSON.stringify(RepoInfo) === JSON.stringify(this.#repoInfo)) return;
      const response = await this.#api
        .task({ method: 'PATCH', version: this.#version, body: { RepoInfo } })
        .catch(() => undefined);
      if (response !== undefined && response.status < 300) {
        this.#adopt(response.body, RepoInfo);
        return;
      }
      if (response?.status === 409)
        this.#adopt((response.body['Current'] ?? {}) as Record<string, unknown>, this.#repoInfo);
      else if (response !== undefined && response.status < 500 && response.status !== 429) break;
    }
    this.#log(`The task could not be updated with the branch of ${repo}.`);
  }

  // A conflict about the task of a workstream contains both.
  #adopt(body: Record<string, unknown>, otherwise: Record<string, RepoState>): void {
    const task = (body['Task'] ?? body) as Record<string, unknown>;
    if (typeof task['Version'] === 'number') this.#version = task['Version'];
    this.#repoInfo = (task['RepoInfo'] as Record<string, RepoState> | null | undefined) ?? otherwise;
  }
}
