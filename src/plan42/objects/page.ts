/** What the server answers to the calls that only its web page makes. */

/** Of a queue: whether it gets work, and if not, why. */
export type QueueState = 'Healthy' | 'Unhealthy' | 'Draining';

/**
 * Samples come in steps of equal length, the newest one last. An answer has those since the step that was asked for, so
 * that a poll costs little.
 */
export interface QueueOverview {
  QueueID: string;
  State: QueueState;
  CreatedAt: string;
  /** Absent before the first check. */
  LastHealthCheckAt?: string;
  FailedHealthChecks: number;
  /** Messages that no poll has fetched. */
  Waiting: number;
  /** Messages that were fetched and not answered yet. */
  Unanswered: number;
  /** Percent, by step; null where nobody polled. */
  Utilisation: (number | null)[];
  /** The first letter of the queue's state, by step. */
  States: string;
}

export interface RunnerOverview {
  RunnerId: string;
  Name: string;
  Description?: string;
  RunsTasks: boolean;
  ProxiesGithub: boolean;
  Queues: QueueOverview[];
  /** Percent, by step: the mean of the queues that there were; null where nobody polled. */
  Utilisation: (number | null)[];
}

export interface Overview {
  Now: string;
  /** Where runners and agents reach the server. */
  Url: string;
  /** Another one means that the server was restarted, and that the samples begin anew. */
  Epoch: string;
  /** How many samples there have been in this epoch: what to ask for next time. */
  Step: number;
  StepSeconds: number;
  /** How many samples are kept. */
  MaxSteps: number;
  Runners: RunnerOverview[];
}

export interface TaskSummary {
  TaskId: string;
  Title: string;
  State: string;
  LastTurnIndex?: number | undefined;
  LastTurnStatus?: string | undefined;
  CreatedAt: string;
  UpdatedAt: string;
}

/** The newest first. */
export interface TaskPage {
  Tasks: TaskSummary[];
  NextToken?: string;
  /** All tasks, by state. */
  Counts: Record<string, number>;
}

export interface Session {
  Token: string;
  TenantId: string;
  ExpiresAt: string;
}

/** A link that signs in at the page, once. */
export interface SignInLink {
  Url: string;
  ExpiresAt: string;
}
