/** The fields of API objects that the page shows. They come from our own server, so they are not validated. */

export interface RepoInfo {
  PRLink?: string | null;
  PRNumber?: number | null;
  PRStatus?: string | null;
  FeatureBranch?: string;
  TargetBranch?: string;
}

export interface Task {
  TaskId: string;
  Title: string;
  State: string;
  EnvironmentId: string | null;
  Model: string | null;
  RepoInfo: Record<string, RepoInfo> | null;
  CreatedAt: string;
  Version: number;
}

export interface Turn {
  TaskId: string;
  TurnIndex: number;
  Prompt: string;
  Status: string;
  OutputMessage?: string;
  ErrorMessage?: string;
  CreatedAt: string;
  CompletedAt?: string;
  Version: number;
}

export interface Environment {
  EnvironmentId: string;
  Name: string;
  Context: string;
  SetupScript: string;
  DockerImage: string;
  Repos: string[] | null;
  AllowedHosts: string[] | null;
  EnvVars: { Name: string; Value: string; IsSecret: boolean }[] | null;
  RunnerId: string;
}

export interface RunnerToken {
  RunnerID: string;
  TokenID: string;
  CreatedAt: string;
  ExpiresAt: string;
  Version: number;
}

export interface LogEntry {
  index: number;
  timestamp: string;
  message: string;
}
