import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOwnComment } from './own-comments.ts';

const isOwn = (login: string | null, body: string) => isOwnComment({ author: login === null ? null : { login }, body });

for (const body of [
  '<!-- event-horizon -->',
  '<!-- event-horizon-anything',
  '&lt;!-- event-horizon --&gt;',
  '&#60;!-- event-horizon',
  '&#x3C;&#33;&excl;'.replace('&excl;', '-- event-horizon'),
  '&lt!-- event-horizon',
  `&#${'0'.repeat(500)}60;!-- event-horizon`,
  `&#x${'0'.repeat(500)}3c;!-- event-horizon`,
  '&LT;&#x21;&#45;&#x2d; event&#45;horizon',
]) {
  test(`Plan42 wrote ${body}`, () => {
    for (const login of ['plan42', 'Plan42-ai', 'PLAN42[bot]']) assert.ok(isOwn(login, body), login);
  });
  test(`another user wrote ${body}`, () => {
    for (const login of ['ann', 'my-plan42', '', null]) assert.ok(!isOwn(login, body), String(login));
  });
}

for (const body of [
  '',
  'done',
  ' <!-- event-horizon',
  '&amp;lt;!-- event-horizon',
  '<!-- Event-Horizon',
  '&#99999999;',
  '&#x110000;',
  `&#${'9'.repeat(500)};`,
]) {
  test(`a person with such a login may write ${JSON.stringify(body)}`, () => assert.ok(!isOwn('plan42', body)));
}
