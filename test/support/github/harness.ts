import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import * as v from 'valibot';
import type { Caller } from '../../../src/github/caller.ts';
import type { GithubResponse } from '../../../src/github/client.ts';
import { GithubError } from '../../../src/github/errors.ts';
import { createLogger } from '../../../src/lib/logger.ts';
import { type Answerer, sendJson } from '../http-server.ts';
import { connect, type TestClient } from './client.ts';
import { type GithubDouble, startGithub } from './double.ts';
import { makeState } from './state.ts';

export const User = v.object({ login: v.string() });

/** A GitHub and a client for each test of a file. */
export interface Harness {
  github: GithubDouble;
  connection: TestClient;
  /** All log lines of the client. */
  log: string[];
  /** The waits of the client, in milliseconds, none of which takes any time. */
  slept: number[];
  getUser: (caller: Caller) => Promise<GithubResponse<{ login: string }>>;
  queryUser: (caller: Caller) => Promise<{ viewer: { login: string } }>;
  /** The error with which a call fails: one line, not endless, and without the token wherever it can be seen. */
  failure: (call: Promise<unknown>) => Promise<GithubError>;
}

/** Call it once, at the top of a file of tests. */
export function setUpGithub(): Harness {
  const harness = {
    getUser: (caller) => harness.connection.client.get('/user', {}, User, caller),
    queryUser: (caller) =>
      harness.connection.client.query('{ viewer { login } }', {}, v.object({ viewer: User }), caller),
    failure: async (call) => {
      const error: unknown = await call.then(
        () => assert.fail('it should have failed'),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof GithubError, String(error));
      assert.doesNotMatch(error.message, /[\n\r]/);
      assert.ok(error.message.length < 700);
      const { token } = harness.github.state;
      for (const text of [error.stack ?? '', JSON.stringify(error), ...harness.log]) assert.ok(!text.includes(token));
      return error;
    },
  } as Harness;

  before(async () => {
    harness.github = await startGithub();
  });
  beforeEach(() => {
    Object.assign(harness.github.state, makeState());
    Object.assign(harness, { log: [], slept: [] });
    const logger = createLogger({ level: 'debug', format: 'json', write: (line) => harness.log.push(line) });
    harness.connection = connect(harness.github, { logger, onSleep: (ms) => harness.slept.push(ms) });
  });
  afterEach(async () => {
    await harness.connection[Symbol.asyncDispose]();
    harness.github.faults.length = 0;
    harness.github.everyAnswer = undefined;
    harness.github.requests.length = 0;
  });
  after(() => harness.github[Symbol.asyncDispose]());
  return harness;
}

/** The answer to the harness's query. */
export const viewer: Answerer = (response) => sendJson(response, 200, { data: { viewer: { login: 'octo' } } });

export function answerWith(status: number, body: unknown, headers = {}): Answerer {
  return (response) => sendJson(response, status, body, headers);
}
