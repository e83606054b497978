/** The fields of an InvokeAgentRequest that this agent uses. */
export interface AgentRequest {
  tenantId: string;
  taskId: string;
  turnIndex: number;
  /** Version of the turn that the runner last read. */
  version: number;
  title: string;
  prompt: string;
  /** `org/repo` */
  repos: string[];
  token: string;
  /** The variables of the task's environment, secrets included. Only the agent can give them to the programs that it runs. */
  variables: Record<string, string>;
}

/** The request is invalid. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

type Fields = Record<string, unknown>;

/** @throws RequestError */
export function parseRequest(json: string): AgentRequest {
  const request = parseObject(json);
  const [task, turn] = [objectIn(request, 'Task'), objectIn(request, 'Turn')];
  return {
    tenantId: stringIn(turn, 'TenantId'),
    taskId: stringIn(turn, 'TaskId'),
    turnIndex: integerIn(turn, 'TurnIndex'),
    version: integerIn(turn, 'Version'),
    title: typeof task['Title'] === 'string' ? task['Title'] : '',
    prompt: stringIn(turn, 'Prompt'),
    repos: Object.keys((task['RepoInfo'] as object | null | undefined) ?? {}),
    token: stringIn(request, 'AgentToken'),
    variables: variablesIn(request),
  };
}

function parseObject(json: string): Fields {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch {
    // Same error for the caller. The text may contain secrets, so the message does not quote it.
  }
  throw new RequestError('standard input is not a JSON object');
}

// The protocol's capitalisation varies: TenantId, TenantID.
function fieldIn(fields: Fields, name: string): unknown {
  const key = Object.keys(fields).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : fields[key];
}

function variablesIn(request: Fields): Record<string, string> {
  const list = fieldIn((fieldIn(request, 'Environment') ?? {}) as Fields, 'EnvVars');
  const variables = (Array.isArray(list) ? list : []) as { Name?: unknown; Value?: unknown }[];
  return Object.fromEntries(variables.map(({ Name, Value }) => [String(Name), String(Value)]));
}

function objectIn(fields: Fields, name: string): Fields {
  const value = fieldIn(fields, name);
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw new RequestError(`the request has no ${name}`);
}

function stringIn(fields: Fields, name: string): string {
  const value = fieldIn(fields, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new RequestError(`the request has no ${name}`);
}

function integerIn(fields: Fields, name: string): number {
  const value = fieldIn(fields, name);
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new RequestError(`the request has no ${name}`);
}
