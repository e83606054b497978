import assert from 'node:assert/strict';
import { JsonError } from '../../src/lib/json.ts';
import { DomainError } from '../../src/server/core/errors.ts';
import { generateSigningKey, signJwt, verifyJwt } from '../../src/server/core/jwt.ts';
import { toUtc } from '../../src/server/core/time.ts';
import { signatureHash, Tokens } from '../../src/server/core/tokens.ts';
import { parseCgiHeaders } from '../../src/server/git/http-backend.ts';
import { MalformedPush, parsePushedRefs } from '../../src/server/git/pushed-refs.ts';
import { errorReply, HttpError } from '../../src/server/http/errors.ts';
import { createHostCheck } from '../../src/server/http/host-check.ts';
import {
  ifMatch,
  includeDeleted,
  pageRequest,
  queryFlag,
  queryInteger,
  requireUuid,
  requireUuidV4,
} from '../../src/server/http/query.ts';
import { createRouter } from '../../src/server/http/router.ts';
import { runnerFailure } from '../../src/server/http/runner-failure.ts';
import { isPageToken } from '../../src/server/page/sessions.ts';
import { turnKey } from '../../src/server/routes/turns.ts';
import {
  hasSessionToken,
  isIdentityOf,
  parseCallerIdentity,
  signedAt,
} from '../../src/server/sigv4/caller-identity.ts';
import { canonicalRequest } from '../../src/server/sigv4/canonical-request.ts';
import { parseEmbeddedRequest } from '../../src/server/sigv4/embedded-request.ts';
import { requestHashes } from '../../src/server/sigv4/request-hash.ts';
import { isSameHex, parseSignature } from '../../src/server/sigv4/signature.ts';
import { startControlPlane, type TestControlPlane } from '../../test/support/control-plane.ts';
import type { Target } from '../target.ts';

const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const key = generateSigningKey();
const tokens = new Tokens(key, 'https://plan42.example.com');
const token = tokens.forTenant(id, id, { from: new Date(0), to: new Date(1e12) });
const findRoute = createRouter([
  { method: 'GET', path: '/v1/tenants/:tenantId/tasks/:taskId' },
  { method: 'GET', path: '/v1/tenants/:tenantId/github-connections/:connectionId/orgs/:org/repos' },
] as unknown as Parameters<typeof createRouter>[0]);
const signedRequests = [
  'POST / HTTP/1.1\r\nHost: sts.r.amazonaws.com\r\nTransfer-Encoding: chunked\r\nX-Amz-Date: 20261128T123456Z\r\n' +
    `Authorization: AWS4-HMAC-SHA256 Credential=K/20261128/r/sts/aws4_request, SignedHeaders=host;x-amz-date;x-event-horizon-request-hash, Signature=${'0'.repeat(64)}\r\n` +
    `X-Event-Horizon-Request-Hash: ${'1'.repeat(64)}\r\n\r\n2d\r\nAction=GetCallerIdentity&Version=2011-06-15\r\n\r\n0\r\n\r\n`,
  'GET /v1/x?b=a+b&a=%2B HTTP/1.1\r\nHost: h\r\nAccept: a  b\r\nX-Event-Horizon-Signed-Headers: Accept;X-Event-Horizon-Signed-Headers\r\n\r\n',
];
const checkHost = createHostCheck('127.0.0.1', 'https://plan42.example.com');

let plane: Promise<TestControlPlane> | undefined;

/** Ends the server that the last target starts. */
export async function stopServer(): Promise<void> {
  await (await plane)?.[Symbol.asyncDispose]();
}

// Words of the validation library, which say neither the field nor what to do.
const libraryWords = /Invalid (?:type|value|length|key|UUID|UTF)|Expected|received|undefined|\[object/;

async function call(input: unknown): Promise<{ status: number; message: string }> {
  plane ??= startControlPlane();
  const { method, path, body } = (input ?? {}) as { method?: unknown; path?: unknown; body?: unknown };
  const methods = ['PUT', 'POST', 'PATCH', 'DELETE', 'GET'];
  const known = typeof method === 'string' && methods.includes(method) ? method : 'PUT';
  const safePath = encodeURI(typeof path === 'string' ? path.slice(0, 4000).toWellFormed() : 'tasks').replace(
    /^\/+/,
    '',
  );
  const { status, body: answer } = await (await plane).call(known, safePath, {
    ...(known !== 'GET' && body !== undefined && { body }),
    ...(known === 'PATCH' && { ifMatch: 1 }),
  });
  const message: unknown = (answer as { Message?: unknown } | undefined)?.Message;
  return { status, message: typeof message === 'string' ? message : '' };
}

const bodies: [method: string, path: string, body: object][] = [
  [
    'PUT',
    `tasks/${id}`,
    { Title: 't', Prompt: 'p', EnvironmentId: id, RepoInfo: { 'a/b': { TargetBranch: 'main', FeatureBranch: 'f' } } },
  ],
  [
    'PATCH',
    `tasks/${id}`,
    { Title: 't', RepoInfo: { 'a/b': { PRLink: 'https://a', PRNumber: 1, PRID: 'x' } }, State: 'Executing' },
  ],
  [
    'PUT',
    `environments/${id}`,
    {
      Name: 'n',
      DockerImage: 'i',
      Repos: ['a/b'],
      EnvVars: [{ Name: 'A', Value: 'v', IsSecret: true }],
      AllowedHosts: ['h'],
    },
  ],
  ['PUT', `runners/${id}`, { Name: 'n', Description: 'd', IsCloud: false, RunsTasks: true, ProxiesGithub: true }],
  ['PUT', `runners/${id}/tokens/${id}`, { TTLDays: 10 }],
  ['PUT', `github-connections/${id}`, { Name: 'n', Private: true, RunnerID: id }],
  ['PUT', `tasks/${id}/turns/1`, { Prompt: 'p' }],
  [
    'PATCH',
    `tasks/${id}/turns/1`,
    { Status: 'Done', Output: 'o', ErrorMessage: 'e', CommitInfo: { 'a/b': { BaseCommit: 'x' } } },
  ],
  ['POST', `tasks/${id}/turns/1/logs`, { Index: 0, Logs: [{ Timestamp: '2026-01-02T03:04:05Z', Message: 'm' }] }],
  ['GET', `tasks?maxResults=5&token=abc&state=Executing`, {}],
];

export const targets: readonly Target[] = [
  {
    covers: ['server/git/pushed-refs.ts#parsePushedRefs', 'server/git/pushed-refs.ts#readPushedRefs'],
    corpus: [
      `0075${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/main\0 report-status0000PACK`,
      `0035shallow ${'2'.repeat(40)}\n0000`,
    ],
    input: 'bytes',
    run: (bytes: Uint8Array) => parsePushedRefs(Buffer.from(bytes)),
    errors: [MalformedPush],
    check: (refs: ReturnType<typeof parsePushedRefs>) => {
      for (const { ref } of refs ?? []) assert.doesNotMatch(ref, /^$|[\0\n]/);
    },
    maxKiB: 64,
  },
  {
    covers: ['server/git/http-backend.ts#parseCgiHeaders'],
    corpus: ['Status: 404 Not Found\r\nContent-Type: text/plain\r\nExpires: Fri, 01 Jan 1980 00:00:00 GMT'],
    run: (text: string) => parseCgiHeaders(text),
    check: ({ status }: ReturnType<typeof parseCgiHeaders>) => assert.ok(status >= 100 && status < 600),
    maxKiB: 16,
  },
  {
    covers: ['server/core/time.ts#toUtc'],
    corpus: ['2026-01-02T03:04:05.123456789+02:00', '2026-02-30T24:00:00Z'],
    run: toUtc,
  },
  {
    covers: [
      'server/core/jwt.ts#verifyJwt',
      'server/core/tokens.ts#signatureHash',
      'server/page/sessions.ts#isPageToken',
    ],
    corpus: [token, signJwt({ sub: id }, key), 'p42w_x'],
    run: (text: string) => {
      verifyJwt(text, key);
      isPageToken(text);
      return [tokens.verify(text), signatureHash(text)];
    },
    errors: [JsonError],
    check: ([claims]: [unknown], text: string) =>
      assert.ok(claims === undefined || text === token, 'accepts another token'),
  },
  {
    covers: ['server/http/host-check.ts#createHostCheck'],
    corpus: ['127.0.0.1:4242', '[::1]', 'plan42.example.com', 'a.localhost', 'user@127.0.0.1'],
    run: (host: string) => checkHost({ host }),
    errors: [HttpError],
  },
  {
    covers: [
      'server/http/query.ts#pageRequest',
      'server/http/query.ts#queryFlag',
      'server/http/query.ts#queryInteger',
      'server/http/query.ts#includeDeleted',
      'server/http/query.ts#requireUuid',
      'server/http/query.ts#requireUuidV4',
      'server/routes/turns.ts#turnKey',
    ],
    corpus: ['maxResults=10&token=WyJhIl0&includeDeleted=true', id, '1', 'W10'],
    run: (text: string) => {
      const query = new URLSearchParams(text);
      const reads = [
        () => pageRequest(query, { A: 'string' }),
        () => pageRequest(new URLSearchParams({ token: text }), { A: 'number' }),
        () => queryFlag(query, 'includeDeleted'),
        () => queryInteger(query, 'maxResults', { min: 1, max: 500 }),
        () => includeDeleted(query),
        () => ifMatch({ headers: { 'if-match': text } }),
        () => requireUuid(text),
        () => requireUuidV4(text),
        () => turnKey({ tenantId: text, taskId: text, turnIndex: text }),
      ];
      for (const read of reads) {
        try {
          read();
        } catch (error) {
          if (!(error instanceof HttpError || error instanceof DomainError)) throw error;
          errorReply(error);
        }
      }
    },
    passes: 9,
    // Node.js limits the headers of a request, and so its path, to 16 KiB.
    maxKiB: 16,
  },
  {
    covers: ['server/http/runner-failure.ts#runnerFailure'],
    corpus: ['GET https://api.github.com/repos/a/b: 404 Not Found []', 'github connection x not found'],
    run: (message: string) => runnerFailure(message, undefined, { name: message, id: 'c', runner: 'r', action: 'a' }),
    check: ({ status, message }: HttpError, input: string) => {
      assert.ok([400, 404, 422, 502].includes(status));
      assert.ok(message.startsWith(`cannot a: ${input.trim().replace(/\.$/, '')}`));
    },
  },
  {
    covers: [
      'server/sigv4/embedded-request.ts#parseEmbeddedRequest',
      'server/sigv4/caller-identity.ts#parseCallerIdentity',
      'server/sigv4/caller-identity.ts#isIdentityOf',
      'server/sigv4/signature.ts#parseSignature',
      'server/sigv4/signature.ts#isSignedBy',
      'server/sigv4/signature.ts#isSameHex',
      'server/sigv4/canonical-request.ts#canonicalRequest',
      'server/sigv4/request-hash.ts#requestHashes',
    ],
    corpus: signedRequests,
    input: 'bytes',
    run: (bytes: Uint8Array) => {
      const raw = Buffer.from(bytes);
      const text = raw.toString('latin1');
      parseSignature(text);
      isSameHex(text, text.slice(1));
      const identity = parseCallerIdentity(raw.toString('base64'));
      if (identity) {
        hasSessionToken(identity);
        signedAt(identity);
      }
      const request = parseEmbeddedRequest(raw);
      if (request) {
        canonicalRequest(request, [...request.headers.keys()], '');
        requestHashes(request, text, request.body);
      }
      return identity;
    },
    check: (identity: ReturnType<typeof parseCallerIdentity>) =>
      assert.ok(!identity || !isIdentityOf('a secret that signed none of them', identity)),
    passes: 6,
    maxKiB: 16,
  },
  {
    covers: ['server/http/router.ts#createRouter', 'server/http/errors.ts#errorReply'],
    corpus: [`/v1/tenants/${id}/tasks/${id}`, '/v1/tenants/a%2Fb/github-connections/c/orgs/%E0%A4%A/repos'],
    run: (path: string) => findRoute('GET', path).params,
    errors: [DomainError, HttpError],
    maxKiB: 16,
  },
  {
    // All routes with a body, over HTTP.
    covers: [
      'server/http/body.ts#parseBody',
      'server/http/body.ts#parseJsonBody',
      'server/http/access.ts#authenticate',
    ],
    corpus: bodies.map(([method, path, body]) => JSON.stringify({ method, path, body })),
    input: 'value',
    run: call,
    check: ({ status, message }: { status: number; message: string }) => {
      assert.ok(status < 500 || [501, 503, 504, 507].includes(status), `responded with ${status}: ${message}`);
      if (status === 400) assert.doesNotMatch(message.replaceAll(/"[^"]*"/g, ''), libraryWords);
      assert.ok(message.length < 10_000, 'the message is not bounded');
    },
    baseMs: 30,
    maxKiB: 64,
  },
];
