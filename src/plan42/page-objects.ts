/** The responses of the calls that only the web page makes. */
import * as v from 'valibot';
import type { ObjectOf } from './fields.ts';
import type { Environment, File, Task, Turn } from './objects.ts';
import type { UsageSummary } from './provider-usage.ts';
import type { TurnNetwork } from './turn-network.ts';

/** Whether a queue gets work, and if not, why. */
export type QueueState = 'Healthy' | 'Unhealthy' | 'Draining';

/**
 * Samples have equal steps, the newest one last. A response has the samples since the requested step, so that a poll is
 * cheap.
 */
export interface QueueOverview {
  QueueID: string;
  State: QueueState;
  CreatedAt: string;
  /** Absent before the first check. */
  LastHealthCheckAt?: string;
  FailedHealthChecks: number;
  /** Messages not yet delivered. */
  Waiting: number;
  /** Messages delivered, without a response yet. */
  Unanswered: number;
  /** Percent, by step; null without polls. */
  Utilisation: (number | null)[];
  /** The first letter of the queue's state, by step. */
  States: string;
}

/** One running instance of a runner. */
export interface MachineOverview {
  Id: string;
  Name: string;
  FreeSlots: number;
  MaxSlots: number;
  LowDisk: boolean;
}

export interface RunnerOverview {
  RunnerId: string;
  Name: string;
  Description?: string;
  RunsTasks: boolean;
  ProxiesGithub: boolean;
  Queues: QueueOverview[];
  /** The tokens in use that end soon or have expired. */
  EndingTokens?: { TokenID: string; ExpiresAt: string }[];
  /** Those that poll and report their slots. */
  Machines: MachineOverview[];
  /** Percent, by step: the mean of the queues; null without polls. */
  Utilisation: (number | null)[];
}

/** A turn in the overview. */
export interface TurnSummary {
  TaskId: string;
  Title: string;
  TurnIndex: number;
  Status: string;
  Machine?: string;
  Image?: string;
  /** Absent if no runner has accepted it. */
  AcceptedAt?: string;
  CreatedAt: string;
  CompletedAt?: string;
  /** Its start. */
  ErrorMessage?: string;
}

/** The turns that run, wait and have failed today: the oldest, the newest failures first. */
export interface TaskActivity {
  Running: TurnSummary[];
  Waiting: TurnSummary[];
  Failed: TurnSummary[];
  /** The lists may be shorter. */
  Counts: { Running: number; Waiting: number; Failed: number };
}

/** The log entries that contain a text. */
export interface LogMatches {
  /** The number of entries that match. */
  Count: number;
  /** The newest of them, oldest first, each with a part of its message around the match. */
  Entries: { Index: number; Timestamp: string; Message: string }[];
}

export interface Overview {
  Now: string;
  /** The URL of the server for runners and agents. */
  Url: string;
  /** Changes with a restart of the server, which discards the samples. */
  Epoch: string;
  /** The number of samples in this epoch, which is the step to request next. */
  Step: number;
  StepSeconds: number;
  /** The maximum number of samples. */
  MaxSteps: number;
  /** Why the server cannot save data at the moment. */
  Problem?: string;
  Runners: RunnerOverview[];
  Activity: TaskActivity;
}

export type TaskSummary = Pick<
  Task,
  | 'TaskId'
  | 'Title'
  | 'State'
  | 'LastTurnIndex'
  | 'LastTurnStatus'
  | 'LastTurnMachine'
  | 'LastTurnEndedBy'
  | 'CreatedAt'
  | 'UpdatedAt'
>;

/** Newest first. */
export interface TaskPage {
  Tasks: TaskSummary[];
  NextToken?: string;
  /** The number of tasks by state. Absent in a search. */
  Counts?: Record<string, number>;
}

export interface PageTurn extends Turn {
  /** When a runner accepted it. Before, it waits. */
  AcceptedAt?: string | undefined;
  /** Absent if its runner does not report it. */
  Network?: TurnNetwork | undefined;
  /** Absent if no call of a model was counted. */
  Usage?: UsageSummary | undefined;
  /** Changes with each message and sub-agent of the turn. Absent if there are none. */
  MessagesTag?: string | undefined;
}

export interface TaskDocument {
  Now: string;
  Task: Task;
  /** The newest ones, oldest first. */
  Turns: PageTurn[];
  /** Of all turns. Absent if no call of a model was counted. */
  Usage?: UsageSummary;
  /** Absent if it was removed. */
  Environment?: Pick<Environment, 'EnvironmentId' | 'Name' | 'DockerImage' | 'AllowedHosts' | 'Deleted'>;
  /** Those that are known. Absent if there are none. */
  Files?: Pick<File, 'FileID' | 'Name' | 'Size' | 'Uploaded' | 'IsMalicious' | 'Deleted'>[];
}

export interface Session {
  Token: string;
  TenantId: string;
  ExpiresAt: string;
}

/** A link that signs in at the page. It works once. */
export const signInLinkFields = { Url: v.string(), ExpiresAt: v.string() };
export type SignInLink = ObjectOf<typeof signInLinkFields>;
