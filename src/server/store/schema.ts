/**
 * The migrations from one `user_version` to the next. Never change a released one. Columns have the names of the API's
 * fields. Lists and maps are JSON. Times are UTC; those that the server generates have milliseconds and sort as text.
 */
export const migrations: readonly string[] = [
  `
CREATE TABLE settings (Name TEXT PRIMARY KEY, Value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
  TenantId TEXT PRIMARY KEY, Type TEXT NOT NULL,
  FullName TEXT, Email TEXT, FirstName TEXT, LastName TEXT, OrgName TEXT, EnterpriseName TEXT, PictureUrl TEXT,
  DefaultRunnerID TEXT, DefaultGithubConnectionID TEXT,
  Deleted INTEGER NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL
) STRICT;

CREATE TABLE environments (
  TenantId TEXT NOT NULL, EnvironmentId TEXT NOT NULL,
  Name TEXT NOT NULL, Description TEXT NOT NULL, Context TEXT NOT NULL, SetupScript TEXT NOT NULL, DockerImage TEXT NOT NULL,
  Repos TEXT NOT NULL, AllowedHosts TEXT NOT NULL, EnvVars TEXT NOT NULL,
  RunnerId TEXT NOT NULL, GithubConnectionId TEXT NOT NULL,
  Deleted INTEGER NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantId, EnvironmentId)
) STRICT;
CREATE INDEX environments_by_age ON environments (TenantId, CreatedAt, EnvironmentId);

CREATE TABLE workstreams (
  TenantId TEXT NOT NULL, WorkstreamId TEXT NOT NULL,
  Name TEXT NOT NULL, Description TEXT NOT NULL, DefaultShortName TEXT NOT NULL,
  TaskCounter INTEGER NOT NULL, Paused INTEGER NOT NULL,
  Deleted INTEGER NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantId, WorkstreamId)
) STRICT;

CREATE TABLE workstream_short_names (
  TenantId TEXT NOT NULL, Name TEXT NOT NULL, WorkstreamID TEXT NOT NULL, CreatedAt TEXT NOT NULL,
  PRIMARY KEY (TenantId, Name)
) STRICT;

-- Rank orders the tasks of a workstream; it is not part of the API.
CREATE TABLE tasks (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, Title TEXT NOT NULL, Prompt TEXT NOT NULL,
  WorkstreamId TEXT, TaskNumber INTEGER, Rank INTEGER,
  EnvironmentId TEXT, Model TEXT, Parallel INTEGER NOT NULL, AssignedToAI INTEGER NOT NULL, AssignedToTenantId TEXT,
  RepoInfo TEXT NOT NULL, State TEXT NOT NULL, LastTurnStatus TEXT, LastTurnIndex INTEGER,
  Deleted INTEGER NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantId, TaskId)
) STRICT;
CREATE INDEX tasks_by_age ON tasks (TenantId, CreatedAt, TaskId);
CREATE INDEX tasks_by_rank ON tasks (TenantId, WorkstreamId, Rank) WHERE WorkstreamId IS NOT NULL;

-- AcceptedAt is when a runner accepted the turn; it is not part of the API.
CREATE TABLE turns (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL,
  WorkstreamId TEXT, Prompt TEXT NOT NULL, PreviousResponseID TEXT, CommitInfo TEXT, Status TEXT NOT NULL,
  OutputMessage TEXT, ErrorMessage TEXT, CompletedAt TEXT,
  CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  AcceptedAt TEXT,
  IsOver INTEGER NOT NULL GENERATED ALWAYS AS (Status IN ('Completed', 'Failed', 'Succeeded', 'Done')) STORED,
  PRIMARY KEY (TenantId, TaskId, TurnIndex),
  FOREIGN KEY (TenantId, TaskId) REFERENCES tasks
) STRICT;
CREATE INDEX active_turns ON turns (CreatedAt, TaskId, TurnIndex) WHERE IsOver = 0;

CREATE TABLE turn_logs (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL, LogIndex INTEGER NOT NULL,
  Timestamp TEXT NOT NULL, Message TEXT NOT NULL,
  PRIMARY KEY (TenantId, TaskId, TurnIndex, LogIndex),
  FOREIGN KEY (TenantId, TaskId, TurnIndex) REFERENCES turns
) STRICT, WITHOUT ROWID;

CREATE TABLE runners (
  TenantId TEXT NOT NULL, RunnerId TEXT NOT NULL, Name TEXT NOT NULL, Description TEXT,
  IsCloud INTEGER NOT NULL, RunsTasks INTEGER NOT NULL, ProxiesGithub INTEGER NOT NULL,
  Deleted INTEGER NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantId, RunnerId)
) STRICT;

-- The token itself is not stored.
CREATE TABLE runner_tokens (
  TenantID TEXT NOT NULL, RunnerID TEXT NOT NULL, TokenID TEXT NOT NULL, SignatureHash TEXT NOT NULL,
  ExpiresAt TEXT NOT NULL, Revoked INTEGER NOT NULL, RevokedAt TEXT,
  CreatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantID, RunnerID, TokenID),
  FOREIGN KEY (TenantID, RunnerID) REFERENCES runners
) STRICT;

CREATE TABLE runner_queues (
  TenantID TEXT NOT NULL, RunnerID TEXT NOT NULL, QueueID TEXT NOT NULL, PublicKey TEXT NOT NULL,
  IsHealthy INTEGER NOT NULL, Draining INTEGER NOT NULL,
  NConsecutiveFailedHealthChecks INTEGER NOT NULL, NConsecutiveSuccessfulHealthChecks INTEGER NOT NULL,
  LastHealthCheckAt TEXT NOT NULL,
  CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantID, RunnerID, QueueID),
  FOREIGN KEY (TenantID, RunnerID) REFERENCES runners
) STRICT;

-- Outlives the queues, so that a key is never used twice.
CREATE TABLE used_public_keys (Point TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE github_connections (
  TenantID TEXT NOT NULL, ConnectionID TEXT NOT NULL, Private INTEGER NOT NULL,
  RunnerID TEXT, GithubUserLogin TEXT, GithubUserID INTEGER, Name TEXT,
  CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL,
  PRIMARY KEY (TenantID, ConnectionID)
) STRICT
`,
  `
-- The sessions of the web page. The token itself is not stored.
CREATE TABLE page_sessions (TokenHash TEXT PRIMARY KEY, TenantId TEXT NOT NULL, ExpiresAt TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_by_state ON tasks (TenantId, Deleted, State, CreatedAt, TaskId)
`,
  `
-- The size of a turn's log, with 120 bytes for each entry, and 'cut' if it reached its limit. Not part of the API.
ALTER TABLE turns ADD COLUMN LogBytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turns ADD COLUMN LogEnd TEXT;
UPDATE turns SET LogBytes = (SELECT COALESCE(SUM(LENGTH(CAST(Message AS BLOB)) + 120), 0) FROM turn_logs AS log
  WHERE log.TenantId = turns.TenantId AND log.TaskId = turns.TaskId AND log.TurnIndex = turns.TurnIndex)
`,
  `
-- The machine that got a turn, the instance ID of its runner, and who ended the turn.
ALTER TABLE turns ADD COLUMN Machine TEXT;
ALTER TABLE turns ADD COLUMN InstanceId TEXT;
ALTER TABLE turns ADD COLUMN EndedBy TEXT;
ALTER TABLE tasks ADD COLUMN LastTurnMachine TEXT
`,
  `
-- Ephemeral environments are removed with their last task.
ALTER TABLE environments ADD COLUMN Ephemeral INTEGER;
UPDATE environments SET Ephemeral = 1
  WHERE Description IN ('Created by "plan42 server task create".', 'Created in the web page.');
CREATE INDEX tasks_by_change ON tasks (UpdatedAt);
CREATE INDEX tasks_by_environment ON tasks (TenantId, EnvironmentId);
CREATE INDEX finished_logs ON turns (UpdatedAt) WHERE IsOver = 1 AND LogBytes > 0
`,
  `
-- The encrypted values of secret variables. Those in EnvVars are empty.
CREATE TABLE environment_secrets (
  TenantId TEXT NOT NULL, EnvironmentId TEXT NOT NULL, Name TEXT NOT NULL, Value TEXT NOT NULL,
  PRIMARY KEY (TenantId, EnvironmentId, Name),
  FOREIGN KEY (TenantId, EnvironmentId) REFERENCES environments ON DELETE CASCADE
) STRICT, WITHOUT ROWID
`,
  `
-- The image of a turn's environment when it was sent.
ALTER TABLE turns ADD COLUMN Image TEXT;
CREATE INDEX failed_turns ON turns (UpdatedAt) WHERE Status = 'Failed'
`,
  `
-- In the order of use, with the queue of each key: the oldest keys of former queues are forgotten. A key that an older version
-- recorded has no queue and a negative number, and stays.
ALTER TABLE used_public_keys RENAME TO old_public_keys;
CREATE TABLE used_public_keys (
  Id INTEGER PRIMARY KEY, Point TEXT NOT NULL UNIQUE, TenantID TEXT, RunnerID TEXT, QueueID TEXT
) STRICT;
INSERT INTO used_public_keys (Id, Point) SELECT -ROW_NUMBER() OVER (ORDER BY Point), Point FROM old_public_keys;
DROP TABLE old_public_keys
`,
  `
-- The runner to which a turn was sent last, and its report on the network of the job, JSON. Not part of the API.
CREATE TABLE turn_networks (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL, RunnerId TEXT NOT NULL, Report TEXT,
  PRIMARY KEY (TenantId, TaskId, TurnIndex),
  FOREIGN KEY (TenantId, TaskId, TurnIndex) REFERENCES turns ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
-- The number of log entries that the runner added. The indexes of the agent do not count them.
ALTER TABLE turns ADD COLUMN RunnerLogs INTEGER NOT NULL DEFAULT 0
`,
  `
-- The fields of newer clients, which the server returns unchanged, as JSON.
ALTER TABLE tenants ADD COLUMN OtherFields TEXT;
ALTER TABLE environments ADD COLUMN OtherFields TEXT;
ALTER TABLE tasks ADD COLUMN OtherFields TEXT;
ALTER TABLE turns ADD COLUMN OtherFields TEXT;
ALTER TABLE runners ADD COLUMN OtherFields TEXT;
ALTER TABLE github_connections ADD COLUMN OtherFields TEXT;
ALTER TABLE workstreams ADD COLUMN OtherFields TEXT;
ALTER TABLE tasks ADD COLUMN ReasoningLevel TEXT;
ALTER TABLE tasks ADD COLUMN FileIDs TEXT;
ALTER TABLE tasks ADD COLUMN NewFileIDs TEXT;
ALTER TABLE turns ADD COLUMN ReasoningLevel TEXT
`,
  `
-- Keys for clients that sign requests, and their encrypted secrets. A revoked key has none.
CREATE TABLE access_keys (
  TenantID TEXT NOT NULL REFERENCES tenants, AccessKeyID TEXT PRIMARY KEY, Name TEXT NOT NULL, Revoked INTEGER NOT NULL,
  RevokedAt TEXT, LastUsedAt TEXT, CreatedAt TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE access_key_secrets (
  AccessKeyID TEXT PRIMARY KEY REFERENCES access_keys ON DELETE CASCADE, Value TEXT NOT NULL
) STRICT, WITHOUT ROWID
`,
  `
-- The content is in parts, so that it is read and written in small steps. TaskId is the task whose agent created the file.
CREATE TABLE files (
  TenantID TEXT NOT NULL, FileID TEXT NOT NULL, Name TEXT NOT NULL, Size INTEGER NOT NULL, Uploaded INTEGER NOT NULL,
  IsMalicious INTEGER, Deleted INTEGER NOT NULL, TaskId TEXT,
  CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL, OtherFields TEXT,
  PRIMARY KEY (TenantID, FileID)
) STRICT;
CREATE TABLE file_parts (
  TenantID TEXT NOT NULL, FileID TEXT NOT NULL, Part INTEGER NOT NULL, Content BLOB NOT NULL,
  PRIMARY KEY (TenantID, FileID, Part),
  FOREIGN KEY (TenantID, FileID) REFERENCES files ON DELETE CASCADE
) STRICT;
CREATE INDEX tasks_with_files ON tasks (TenantId, TaskId) WHERE FileIDs IS NOT NULL OR NewFileIDs IS NOT NULL
`,
  `
-- The calls of models that turns have made. The columns are in the order of the object's fields.
CREATE TABLE provider_usage (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL, WorkstreamId TEXT,
  Source TEXT NOT NULL, Iteration INTEGER NOT NULL,
  Provider TEXT NOT NULL, ProviderModelID TEXT NOT NULL, ResponseID TEXT,
  PromptTokens INTEGER NOT NULL, CompletionTokens INTEGER NOT NULL, CachedReadInputTokens INTEGER NOT NULL,
  CacheCreationInputTokensByTTL TEXT, ReasoningTokens INTEGER NOT NULL,
  RequestStartedAt TEXT, ResponseCompletedAt TEXT NOT NULL, Cost REAL, IsEstimate INTEGER, CreatedAt TEXT NOT NULL,
  PRIMARY KEY (TenantId, TaskId, TurnIndex, Source, Iteration),
  FOREIGN KEY (TenantId, TaskId, TurnIndex) REFERENCES turns ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_usage_by_time ON provider_usage (TenantId, ResponseCompletedAt)
`,
  `
-- The signatures of writes until they are no longer valid. UsedAt is in milliseconds since 1970.
CREATE TABLE used_signatures (Signature TEXT PRIMARY KEY, UsedAt INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX used_signatures_by_time ON used_signatures (UsedAt)
`,
  `
-- The events of a turn: messages, and the ends of sub-agents. Data is their JSON. Bytes is the size of it and all before.
CREATE TABLE turn_events (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL, Position INTEGER NOT NULL,
  Event TEXT NOT NULL, MessageID TEXT, Data TEXT NOT NULL, Bytes INTEGER NOT NULL,
  PRIMARY KEY (TenantId, TaskId, TurnIndex, Position),
  FOREIGN KEY (TenantId, TaskId, TurnIndex) REFERENCES turns ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX turn_messages ON turn_events (TenantId, TaskId, TurnIndex, MessageID) WHERE MessageID IS NOT NULL;
CREATE TABLE sub_agents (
  TenantId TEXT NOT NULL, TaskId TEXT NOT NULL, TurnIndex INTEGER NOT NULL, WorkstreamId TEXT, AgentID TEXT NOT NULL,
  AgentType TEXT NOT NULL, Name TEXT NOT NULL, Prompt TEXT, AutoExit INTEGER NOT NULL, Model TEXT, ReasoningLevel TEXT,
  Status TEXT NOT NULL, CreatedAt TEXT NOT NULL, UpdatedAt TEXT NOT NULL, Version INTEGER NOT NULL, OtherFields TEXT,
  PRIMARY KEY (TenantId, TaskId, TurnIndex, AgentID),
  FOREIGN KEY (TenantId, TaskId, TurnIndex) REFERENCES turns ON DELETE CASCADE
) STRICT
`,
  `
-- Who ended the last turn of a task: one that a person cancelled is no failure.
ALTER TABLE tasks ADD COLUMN LastTurnEndedBy TEXT;
UPDATE tasks SET LastTurnEndedBy = (SELECT EndedBy FROM turns
  WHERE turns.TenantId = tasks.TenantId AND turns.TaskId = tasks.TaskId AND turns.TurnIndex = tasks.LastTurnIndex)
`,
  `
-- The lists of the web page read only what they show. The tenant is first: without it SQLite reads all turns of the tenant.
DROP INDEX active_turns;
CREATE INDEX active_turns ON turns (TenantId, CreatedAt, TaskId, TurnIndex) WHERE IsOver = 0;
CREATE INDEX waiting_turns ON turns (CreatedAt) WHERE IsOver = 0 AND AcceptedAt IS NULL;
DROP INDEX failed_turns;
CREATE INDEX failed_turns ON turns (TenantId, UpdatedAt) WHERE Status = 'Failed';
CREATE INDEX workstreams_by_age ON workstreams (TenantId, CreatedAt, WorkstreamId);
CREATE INDEX runners_by_age ON runners (TenantId, CreatedAt, RunnerId);
CREATE INDEX runner_tokens_by_age ON runner_tokens (TenantID, RunnerID, CreatedAt, TokenID);
CREATE INDEX runner_queues_by_age ON runner_queues (TenantID, CreatedAt, QueueID, RunnerID);
CREATE INDEX github_connections_by_age ON github_connections (TenantID, CreatedAt, ConnectionID);
CREATE INDEX access_keys_by_age ON access_keys (TenantID, CreatedAt, AccessKeyID);
CREATE INDEX files_by_age ON files (TenantID, CreatedAt, FileID)
`,
];
