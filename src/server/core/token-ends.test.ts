import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { systemClock } from '../../lib/clock.ts';

const day = 86_400_000;

test('a token in use that ends soon is in the log, once a day, and with its runner on the page', async () => {
  const time = { now: 0, date: 0 };
  const warnings: string[] = [];
  await using plane = await startControlPlane({
    timing: { tokenCheckMs: 5 },
    clock: {
      ...systemClock,
      now: () => systemClock.now() + time.now,
      date: () => new Date(systemClock.date().getTime() + time.date),
    },
    onLog: (line) => {
      if (/token of runner|expired token/.test(line)) warnings.push(line);
    },
  });
  const create = async (TTLDays: number) => {
    const id = randomUUID();
    const { body } = await plane.call('PUT', `${plane.runner}/tokens/${id}`, { body: { TTLDays } });
    return { id, token: body.Token as string };
  };
  const [short, long, unused] = [await create(10), await create(30), await create(5)];
  const use = (token: string) => plane.call('GET', plane.tenant, { token });
  const shown = async () => {
    const { body } = await plane.call('GET', '/page/overview');
    return body.Runners[0].EndingTokens.map(({ TokenID }: { TokenID: string }) => TokenID);
  };
  await use(short.token);
  await use(long.token);
  await eventually(async () => warnings.length === 1);
  assert.match(warnings[0] ?? '', /WARN {2}token of runner ends soon .*token_id=\S+ expires_at=\S+ ends="in 9 days"/);
  assert.ok(warnings[0]?.includes(short.id));
  assert.deepEqual(await shown(), [short.id]);

  time.now = time.date = 11 * day;
  assert.deepEqual(await shown(), [], 'not used for an hour');
  for (const { token } of [short, long]) await use(token);
  await eventually(async () => warnings.length === 2);
  assert.match(warnings[1] ?? '', /runner uses an expired token .*ends="1 day ago"/);

  time.now = time.date = 17 * day;
  for (const { token } of [short, long]) await use(token);
  await eventually(async () => warnings.length === 4);
  assert.deepEqual(await shown(), [short.id, long.id]);
  assert.ok(!warnings.some((line) => line.includes(unused.id)), 'a token that no runner uses needs no new one');
});
