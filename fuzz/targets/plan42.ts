import assert from 'node:assert/strict';
import * as v from 'valibot';
import * as adminObjects from '../../src/plan42/admin-objects.ts';
import {
  checkAction,
  connectionCommands,
  connectionToCheck,
  describeOrgs,
  explainFailedCheck,
} from '../../src/plan42/connection-check.ts';
import {
  DecryptionError,
  decrypt,
  encrypt,
  generateKeyPair,
  parsePublicKey,
  publicKeyPem,
} from '../../src/plan42/ecies.ts';
import {
  ApiError,
  currentOf,
  isAuthError,
  isTransient,
  parseErrorResponse,
  parseHttpDate,
  parseRetryAfter,
} from '../../src/plan42/errors.ts';
import { EventTooLargeError, parseEventStream } from '../../src/plan42/event-stream.ts';
import {
  baseBranchOf,
  hostedName,
  hostedRepo,
  isBranchOfTask,
  isRepositoryName,
  repositoryPath,
} from '../../src/plan42/hosted-repositories.ts';
import { explainFailure, isHeaderValue } from '../../src/plan42/http.ts';
import * as messages from '../../src/plan42/messages.ts';
import * as pageObjects from '../../src/plan42/page-objects.ts';
import { isPathSegment, pathSegment } from '../../src/plan42/path-segment.ts';
import { PollReader } from '../../src/plan42/poll-body.ts';
import { PublicKeys } from '../../src/plan42/public-keys.ts';
import * as runnerObjects from '../../src/plan42/runner-objects.ts';
import { parseRunnerToken, TokenError } from '../../src/plan42/runner-token.ts';
import {
  isConnectionName,
  isVariableName,
  readRepo,
  readVariable,
  repoInfoOf,
  titleOf,
} from '../../src/plan42/task-input.ts';
import { proxyRefusal } from '../../src/plan42/transport.ts';
import { parseTurnEvent } from '../../src/plan42/turn-messages.ts';
import * as turnNetworks from '../../src/plan42/turn-network.ts';
import { isTerminalStatus, lastTurnWord, taskWord, turnWord } from '../../src/plan42/turn-status.ts';
import type { Target } from '../target.ts';

const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const { publicKey, privateKey } = generateKeyPair();
const publicKeys = new PublicKeys();
const wrapped = encrypt(Buffer.from('{"Type":"PingRequest"}'), publicKey);
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = `p42r_${part({ alg: 'ES256' })}.${part({ sub: id, runner_id: id, exp: 1_900_000_000, iss: 'https://a' })}.c2ln`;
const poll = JSON.stringify({ Messages: [{ MessageID: id, CallerID: id, Payload: wrapped }, 1, 'x', [{}]] });

const schemas = [messages, runnerObjects, adminObjects, pageObjects, turnNetworks].flatMap((module) =>
  Object.values(module).filter((value) => typeof value === 'object' && 'kind' in value && value.kind === 'schema'),
) as unknown as v.GenericSchema[];

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield await Promise.resolve(bytes.subarray(at, at + 1000));
}

export const targets: readonly Target[] = [
  {
    covers: ['lib/host-port.ts#formatHostPort'],
    maxKiB: 2,
    corpus: ['evil.example', '::1', 'a\u001b[2J\r\n', '\u202e.example'],
    run: (Host: string) => {
      const host = { Host, Port: 8443, Code: 'host-not-allowed', Rule: '', Remedy: '', Count: 1 };
      return turnNetworks.networkLine({ ...host, Verdict: 'Refused', SentBytes: 0, ReceivedBytes: 0 });
    },
    check: (line: string) => assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u),
  },
  {
    covers: ['plan42/messages.ts#listResponse'],
    corpus: [
      JSON.stringify({
        Type: 'InvokeAgentRequest',
        Turn: { TaskId: id, TurnIndex: 1 },
        Environment: { DockerImage: 'a' },
        AgentToken: 't',
      }),
      JSON.stringify({
        Type: 'SearchRepoRequest',
        ConnectionID: 'c',
        OrgName: 'o',
        Search: 's',
        MaxResults: 10,
        Token: 't',
      }),
      JSON.stringify({ Type: 'x', Repos: ['a/b'], Items: ['a'], NextToken: null, ErrorMessage: null }),
      JSON.stringify({
        TenantId: id,
        TaskId: id,
        TurnIndex: 1,
        Status: 'Pending',
        CreatedAt: '2026-01-02T03:04:05Z',
        Version: 1,
      }),
    ],
    input: 'value',
    run: (value: unknown) => schemas.map((schema) => v.safeParse(schema, value).success),
    check: (results: boolean[]) => assert.ok(results.length > 15, 'the schemas were not found'),
    passes: 20,
    maxKiB: 256,
  },
  {
    covers: ['plan42/poll-body.ts#PollReader.add', 'plan42/poll-body.ts#PollReader.end'],
    corpus: [poll, '{"Messages":[]}', '{"Messages":null,"x":[1,2]}'],
    input: 'bytes',
    run: async (bytes: Buffer) => {
      const reader = new PollReader();
      for await (const chunk of chunksOf(bytes)) reader.add(chunk);
      return reader.end();
    },
    // Each message that is not JSON costs an error, about 10 µs, and a poll has at most a thousand.
    baseMs: 15,
    errors: [Error],
  },
  {
    covers: ['plan42/event-stream.ts#parseEventStream'],
    corpus: ['event: log\nid: 5\ndata: {"Message":"x"}\n\n', ': comment\nretry: 100\n\ndata: a\r\ndata: b\r\n\r\n'],
    input: 'bytes',
    run: (bytes: Buffer) => Array.fromAsync(parseEventStream(chunksOf(bytes))),
    errors: [EventTooLargeError],
  },
  {
    covers: ['plan42/turn-messages.ts#parseTurnEvent'],
    corpus: ['{"MessageID":"m","To":["t"],"Message":"x","CreatedAt":""}', '{"AgentID":"a","StillRunning":true}'],
    run: (data: string) => ['UserMessage', 'SubAgentCompletion', 'other'].map((type) => parseTurnEvent({ type, data })),
  },
  {
    covers: ['plan42/ecies.ts#parsePublicKey', 'plan42/public-keys.ts#PublicKeys.parse'],
    corpus: [publicKeyPem(publicKey)],
    run: (pem: string) => [parsePublicKey(pem), publicKeys.parse(pem)],
    errors: [Error],
  },
  {
    covers: ['plan42/ecies.ts#decrypt', 'plan42/ecies.ts#encrypt'],
    corpus: [JSON.stringify(wrapped)],
    input: 'value',
    run: (value: unknown) => {
      const parsed = v.safeParse(runnerObjects.RunnerMessage, {
        MessageID: id,
        CallerID: id,
        CallerPublicKey: 'x',
        Payload: value,
      });
      if (parsed.success) decrypt(parsed.output.Payload, privateKey);
      encrypt(Buffer.from(JSON.stringify(value)), publicKey);
    },
    errors: [DecryptionError],
    maxKiB: 256,
  },
  {
    covers: [
      'plan42/errors.ts#currentOf',
      'plan42/errors.ts#parseErrorResponse',
      'plan42/errors.ts#parseRetryAfter',
      'plan42/errors.ts#parseHttpDate',
    ],
    corpus: [
      '{"ResponseCode":409,"Message":"m","ErrorType":"Conflict","CurrentType":"Turn","Current":{}}',
      '120',
      'Fri, 31 Dec 1999 23:59:59 GMT',
      '<html>',
    ],
    run: (text: string) => [
      parseErrorResponse(503, { 'retry-after': text }, text),
      currentOf(
        new ApiError({ method: 'PATCH', path: '/' }, parseErrorResponse(409, {}, text)),
        runnerObjects.PartialTurn,
      ),
      parseRetryAfter([text, text]),
      parseHttpDate(text),
    ],
  },
  {
    covers: [
      'plan42/errors.ts#isTransient',
      'plan42/errors.ts#isAuthError',
      'plan42/http.ts#explainFailure',
      'plan42/transport.ts#proxyRefusal',
    ],
    corpus: ['Proxy response (407) !== 200', 'self-signed certificate', 'ECONNREFUSED'],
    run: (text: string) => {
      const error = new Error(text, { cause: Object.assign(new Error(text), { code: text }) });
      return [isTransient(error), isAuthError(text), explainFailure(error), proxyRefusal(error)];
    },
  },
  {
    covers: [
      'plan42/http.ts#isHeaderValue',
      'plan42/path-segment.ts#isPathSegment',
      'plan42/path-segment.ts#pathSegment',
    ],
    corpus: ['Bearer p42r_x', id, '..', 'a/b'],
    run: (text: string) => [isHeaderValue(text), isPathSegment(text), pathSegment(text)],
    errors: [RangeError],
  },
  {
    covers: [
      'plan42/hosted-repositories.ts#baseBranchOf',
      'plan42/hosted-repositories.ts#hostedName',
      'plan42/hosted-repositories.ts#hostedRepo',
      'plan42/hosted-repositories.ts#isBranchOfTask',
      'plan42/hosted-repositories.ts#isRepositoryName',
      'plan42/hosted-repositories.ts#repositoryPath',
    ],
    corpus: ['local/site', 'local/..', 'site.git', `plan42/fix-${id.slice(0, 8)}`],
    run: (text: string) => {
      isBranchOfTask(text, id);
      isBranchOfTask(baseBranchOf(text), text);
      const name = hostedName(text) ?? (isRepositoryName(text) ? text : 'a');
      return [hostedRepo(name), repositoryPath(id, name)];
    },
    check: ([repo = '', path = '']: string[]) => {
      assert.match(repo, /^local\/[a-z0-9][\w.-]*$/);
      assert.doesNotMatch(path, /\.\.|\/\.git/);
    },
  },
  {
    covers: ['plan42/runner-token.ts#parseRunnerToken'],
    corpus: [token],
    run: (text: string) => parseRunnerToken(text),
    errors: [TokenError],
  },
  {
    covers: [
      'plan42/connection-check.ts#checkAction',
      'plan42/connection-check.ts#connectionToCheck',
      'plan42/connection-check.ts#describeOrgs',
      'plan42/connection-check.ts#explainFailedCheck',
    ],
    corpus: ['github connection 1b4e28ba not found', 'missing github token for connection', 'GitHub: Bad credentials'],
    run: (text: string) => {
      const checked = connectionToCheck({ ConnectionID: text, Name: text, RunnerID: text }, []);
      const orgs = { Items: [text], NextToken: text, Incomplete: text };
      connectionCommands(checked);
      const failed = { status: 502, message: `cannot ${checkAction(text)}: ${text}. ${text}`, remedy: text };
      return [
        describeOrgs(orgs, checked),
        explainFailedCheck({ status: 502, message: text }, checked),
        explainFailedCheck(failed, checked),
      ];
    },
    maxKiB: 256,
  },
  {
    covers: [
      'plan42/task-input.ts#isConnectionName',
      'plan42/task-input.ts#isVariableName',
      'plan42/task-input.ts#readRepo',
      'plan42/task-input.ts#readVariable',
      'plan42/task-input.ts#repoInfoOf',
      'plan42/task-input.ts#titleOf',
      'plan42/turn-status.ts#isTerminalStatus',
      'plan42/turn-status.ts#lastTurnWord',
      'plan42/turn-status.ts#taskWord',
      'plan42/turn-status.ts#turnWord',
    ],
    corpus: ['org/repo:branch', 'NAME=VALUE', 'Fix the\nbug', '*.example.com:443'],
    run: (text: string) => {
      const repo = readRepo(text);
      const names = [isConnectionName(text), isVariableName(text), isTerminalStatus(text)];
      const task = { State: text, LastTurnIndex: 1, LastTurnStatus: text, LastTurnEndedBy: text };
      const words = [taskWord(task), lastTurnWord(task), turnWord({ TurnIndex: 1, Status: text, EndedBy: text })];
      return [readVariable(text), repo && repoInfoOf([repo], text), titleOf(text), ...names, ...words];
    },
    maxKiB: 256,
  },
];
