import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { ApiError } from '../../plan42/errors.ts';
import type { TurnEvent } from '../../plan42/turn-messages.ts';
import type { Call } from './api.ts';
import { Inbox } from './inbox.ts';

const main = '00000000-0000-0000-0000-000000000000';
const message = (Message: string, To: string[] = [main]): TurnEvent => ({
  event: 'UserMessage',
  data: { MessageID: randomUUID(), FromTenantID: 't', To, Message, CreatedAt: '' },
});

function startInbox(events: TurnEvent[], statuses: number[] = []) {
  const [log, sent]: [string[], unknown[]] = [[], []];
  const turn: Call = async ({ body }) => {
    const status = statuses.shift() ?? 200;
    if (status === 200) sent.push(body);
    return { status, body: {} };
  };
  const inbox = new Inbox({
    api: {
      turn,
      messages: async function* () {
        yield* events;
      },
    },
    turn: {
      log: (line) => log.push(line),
      redact: (text) => text.replaceAll('secret', '***'),
      finished: new AbortController().signal,
    },
  });
  const received = (count: number) => eventually(async () => log.length >= count);
  return { inbox, log, sent, received };
}

const body = (Message: string) => ({ FromType: 'Agent', From: main, Message });

test('messages to the main agent are taken once, and answered once without secrets', async () => {
  const events = [message('one'), message('two', []), message('to another', ['x'])];
  const { inbox, log, sent, received } = startInbox(events, [503, 200]);
  await received(2);
  assert.deepEqual(log, ['Message from a person:\n> one', 'Message from a person:\n> two']);
  inbox.answer('Nothing was asked.');
  assert.deepEqual(inbox.take(), ['one', 'two']);
  assert.deepEqual(inbox.take(), []);
  inbox.answer('The secret is out.');
  inbox.answer('Again.');
  await inbox.close();
  assert.deepEqual(sent, [body('The *** is out.')]);
  await inbox[Symbol.asyncDispose]();
});

test('messages that the agent has not read, or not answered, are answered at the end', async () => {
  const { inbox, log, sent, received } = startInbox([message('one\nline'), message('two')]);
  await received(2);
  await inbox.close();
  const tooLate = 'This message came too late for this turn. Start the next turn with it.';
  assert.deepEqual(sent, [body(`${tooLate}\n\n> one\n> line`), body(`${tooLate}\n\n> two`)]);
  assert.equal(log.at(-1), `${tooLate}\n> two`);
  await inbox[Symbol.asyncDispose]();

  const failed = startInbox([message('one')]);
  await failed.received(1);
  failed.inbox.take();
  await failed.inbox.close();
  assert.deepEqual(failed.sent, [body('The agent read the message, but the turn ends without its answer.')]);
});

test('an empty answer and one that cannot be sent are reported', async () => {
  const { inbox, log, sent, received } = startInbox([message('one')]);
  await received(1);
  inbox.take();
  inbox.answer(' ');
  await inbox.close();
  assert.deepEqual(sent, [body('The agent read the message and gave no answer.')]);
  const refused = startInbox([message('one')], [403]);
  await refused.received(1);
  refused.inbox.take();
  refused.inbox.answer('x');
  await refused.inbox.close();
  assert.equal(refused.log.at(-1), 'Cannot send the answer to the message: status 403');
  assert.equal(log.length, 1);
});

test('a server without messages changes nothing', async () => {
  const { inbox, log } = startInbox([]);
  await inbox.close();
  await inbox[Symbol.asyncDispose]();
  assert.deepEqual(log, []);
});

test('after a restore of the server, messages are read from the beginning, and each once', async () => {
  const [one, two, three] = [message('one'), message('two'), message('three')];
  const log: string[] = [];
  // The second stream is that of the restored server, which had not got `two`.
  const streams = [[one, two], [one, three], []];
  const inbox = new Inbox({
    api: {
      turn: async () => ({ status: 200, body: {} }),
      messages: async function* () {
        yield* streams.shift() ?? [];
        const response = { status: 400, isFromApi: true, message: 'Last-Event-ID is beyond the end' };
        throw new ApiError({ method: 'GET', path: '/messages' }, response);
      },
    },
    turn: { log: (line) => log.push(line), redact: (text) => text, finished: new AbortController().signal },
  });
  await eventually(async () => streams.length === 0);
  await inbox[Symbol.asyncDispose]();
  assert.deepEqual(inbox.take(), ['one', 'two', 'three']);
  assert.equal(log.length, 3);
});
