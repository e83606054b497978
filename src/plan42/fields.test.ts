import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as v from 'valibot';
import { knownFields } from './fields.ts';
import { Request } from './messages.ts';
import { PartialTask, PartialTurn, RunnerMessage } from './runner-objects.ts';
import { isTerminalStatus } from './turn-status.ts';

const Thing = knownFields({ TenantId: v.nullish(v.string()), Version: v.nullish(v.number()) });

const parse = (json: string) => v.parse(Thing, JSON.parse(json));

describe('known fields', () => {
  for (const name of ['TenantId', 'TenantID', 'tenantid', 'TENANTID', 'tenantId']) {
    test(`are read as ${name}`, () => assert.equal(parse(`{"${name}": "t"}`).TenantId, 't'));
  }

  test('in their exact spelling win over others, in any order', () => {
    assert.equal(parse('{"TenantID": "other", "TenantId": "exact"}').TenantId, 'exact');
    assert.equal(parse('{"TenantId": "exact", "TenantID": "other"}').TenantId, 'exact');
    assert.equal(parse('{"TENANTID": "other", "TenantId": null}').TenantId, null);
  });

  test('may be null or absent, which stay distinct', () => {
    assert.deepEqual(parse('{"TenantID": null}'), { TenantId: null });
    assert.deepEqual(parse('{}'), {});
  });

  test('are checked', () => {
    assert.throws(() => parse('{"TenantID": 1}'), v.ValiError);
    assert.throws(() => parse('{"version": "1"}'), v.ValiError);
  });

  for (const json of ['null', '[]', '"x"', '1', 'true', '[{"TenantId": "t"}]']) {
    test(`are not those of ${json}`, () => assert.throws(() => parse(json), v.ValiError));
  }
});

describe('unknown fields', () => {
  test('are kept unchanged', () => {
    const json = '{"tenantid": "t", "New": {"a": [null, 1.5]}, "new": 0, "": "", "TenantIds": []}';
    assert.deepEqual(parse(json), {
      TenantId: 't',
      New: { a: [null, 1.5] },
      new: 0,
      '': '',
      TenantIds: [],
    });
  });

  test('named like prototypes are kept, and match no known field', () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', '__PROTO__']) {
      const read = parse(`{"tenantid": "t", "${name}": {"Version": 42, "polluted": true}}`);
      assert.equal(read.TenantId, 't');
      assert.equal(read.Version, undefined, name);
      assert.equal(Object.getPrototypeOf(read), Object.prototype, name);
      assert.equal('polluted' in {}, false);
    }
  });

  test('of nested objects are kept', () => {
    const task = { taskid: 'x', RepoInfo: { 'org/repo': { featureBranch: 'f', Extra: 1 } }, Shiny: true };
    assert.deepEqual(v.parse(PartialTask, task), {
      TaskId: 'x',
      RepoInfo: { 'org/repo': { FeatureBranch: 'f', Extra: 1 } },
      Shiny: true,
    });
  });
});

describe('objects of the API', () => {
  test('accept either spelling of an ID', () => {
    assert.equal(v.parse(PartialTurn, { TenantID: 't', TaskID: 'k', Version: 1 }).TaskId, 'k');
    assert.equal(v.parse(Request, { type: 'PingRequest' }).Type, 'PingRequest');
  });

  test('need an integer version', () => {
    for (const Version of [undefined, null, '1', 1.5, Number.NaN]) {
      assert.throws(() => v.parse(PartialTurn, { Version }), v.ValiError, `${Version}`);
    }
    assert.equal(v.parse(PartialTurn, { version: 0 }).Version, 0);
  });

  const message = {
    TenantID: 't',
    MessageID: 'm',
    CallerID: 'c',
    CallerPublicKey: 'pem',
    Payload: { EncryptionAlgorithm: 'a', EncryptedData: 'd', EphemeralPublicKey: 'k' },
  };
  test('messages are read case-insensitively', () => {
    assert.equal(v.parse(RunnerMessage, message).Payload.EncryptedData, 'd');
    const respelled = {
      messageId: 'm',
      callerId: 'c',
      callerPublicKey: 'p',
      payload: message.Payload,
      CreatedAt: null,
    };
    assert.equal(v.parse(RunnerMessage, respelled).MessageID, 'm');
  });
  for (const name of ['MessageID', 'CallerID', 'CallerPublicKey', 'Payload']) {
    for (const value of [undefined, null, 1, []]) {
      test(`messages without a valid ${name} are rejected: ${JSON.stringify(value)}`, () => {
        assert.throws(() => v.parse(RunnerMessage, { ...message, [name]: value }), v.ValiError);
      });
    }
  }

  test('Completed and Failed are final statuses', () => {
    for (const status of ['Completed', 'Failed']) assert.ok(isTerminalStatus(status), status);
    for (const status of ['Pending', 'completed', 'failed to start yet', '', null, undefined]) {
      assert.ok(!isTerminalStatus(status), `${status}`);
    }
  });
});
