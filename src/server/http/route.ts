import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** The request that a caller with an access key has signed. */
interface SignedRequest {
  accessKeyId: string;
  /** The hash of the request, in hexadecimal. */
  requestHash: string;
  signature: string;
}

/** The authenticated caller of a request. */
export type Principal = { tenantId: string; expiresAt?: Date } & (
  | { kind: 'tenant'; pageToken?: string; signedRequest?: SignedRequest }
  | { kind: 'runner'; runnerId: string; tokenId: string }
  /** The holder of the URL of a file's content. */
  | { kind: 'upload' | 'download'; fileId: string }
  /** The holder of a sign-in link, who may only start a session. */
  | { kind: 'signIn' }
  | { kind: 'agent'; taskId: string; turnIndex: number; turnFinished: boolean; mayStillPush: boolean }
);

/** One authorised request. */
export interface ApiRequest<Param extends string = never> {
  /** From the path, decoded. IDs are in lower case. */
  params: Readonly<Record<Param, string>>;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  principal: Principal;
  /** The parsed body; undefined when it was empty. */
  json: unknown;
  /** For routes of git, which read the body themselves. */
  incoming: IncomingMessage;
  /** Aborted when the client disconnects, or with the error for the client. Only on routes that wait. */
  signal: AbortSignal;
}

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** Each kind is limited to its own tenant, a runner or an agent also to its own objects. */
type PrincipalKind = Principal['kind'];

export const tenantOnly: readonly PrincipalKind[] = ['tenant'];
export const tenantAndRunner: readonly PrincipalKind[] = ['tenant', 'runner'];
export const tenantAndAgent: readonly PrincipalKind[] = ['tenant', 'agent'];
export const allButSignIn: readonly PrincipalKind[] = ['tenant', 'runner', 'agent'];
export const signInOnly: readonly PrincipalKind[] = ['signIn'];

export type Reply =
  | { status: number; body?: unknown }
  /** Writes the whole response. `headers` are those for HEAD, which has no other part of it. */
  | { status: number; headers?: OutgoingHttpHeaders; stream: (response: ServerResponse) => Promise<void> };

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const noContent: Reply = { status: 204 };

export interface RouteOptions {
  access: readonly PrincipalKind[];
  /** The tenant in the path may also be `*` or `_`, which are all tenants. */
  allTenants?: boolean;
  /** The request may wait for long, and is aborted when its client disconnects or its token becomes invalid. */
  waits?: boolean;
  /** A GET that takes something, which HEAD must not do. */
  noHead?: boolean;
  /** For git as the client: HTTP Basic is accepted, the body is not read, and errors are plain text, which git prints. */
  forGit?: boolean;
  /** The token is in the query (`signature`), and the handler reads the body. */
  forContent?: boolean;
  /** A signed request may be sent twice: the route changes nothing. So may each GET. */
  repeatable?: boolean;
  /** Agents may use the route after their turn is finished, to learn that it is. */
  afterTurn?: boolean;
  /** Agents may use the route for some time after their turn was cancelled, to push what was done until then. */
  afterCancel?: boolean;
}

export interface Route extends RouteOptions {
  method: Method;
  path: string;
  handle: (request: ApiRequest<string>) => Reply | Promise<Reply>;
}

/** The parameter names in a path such as `/v1/tenants/:tenantId`. */
type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamsOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

export function route<const Path extends string>(
  method: Method,
  path: Path,
  options: RouteOptions,
  handle: (request: ApiRequest<ParamsOf<Path>>) => Reply | Promise<Reply>,
): Route {
  return { method, path, ...options, handle };
}

export const tenantPath = '/v1/tenants/:tenantId';
