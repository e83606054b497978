import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { readReachedLimit } from './reached-limit.ts';

test('a reached limit is the failure of the turn, anything else is not', async () => {
  await using dir = await makeTempDir();
  const file = join(dir.path, 'limits.json');
  const read = async (content: string) => {
    await writeFile(file, content);
    return (await readReachedLimit({ PLAN42_LIMITS: file }))?.message;
  };
  const reason = 'it ran for 8 h 0 min, and limits.max_duration is 8 h 0 min';
  const text = await read(JSON.stringify({ reached: 'max_duration', reason }));
  assert.equal(text, `The agent was stopped at a limit: ${reason}.`);
  for (const odd of [JSON.stringify({ reached: null, reason: null }), '', 'nonsense'])
    assert.equal(await read(odd), undefined);
  assert.equal(await readReachedLimit({}), undefined);
  assert.equal(await readReachedLimit({ PLAN42_LIMITS: join(dir.path, 'missing') }), undefined);
});
