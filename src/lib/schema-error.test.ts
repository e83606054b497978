import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { knownFields } from '../plan42/fields.ts';
import { describeIssue, wholeNumber } from './schema-error.ts';

const Schema = knownFields({
  Name: v.string(),
  TTLDays: v.nullish(wholeNumber(1, 365)),
  Count: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  Kind: v.optional(v.picklist(['User', 'Organization'])),
  Flags: v.optional(v.array(v.boolean())),
  Any: v.optional(v.record(v.string(), v.object({ Deep: v.string() }))),
  Text: v.optional(v.pipe(v.string(), v.maxLength(3, 'is too long'))),
});

test('a problem names its field and what it must be', () => {
  const problems: [value: unknown, text: string][] = [
    [{}, 'Name is missing'],
    [{ Name: 5 }, 'Name must be a string'],
    [{ Name: null }, 'Name must be a string'],
    [{ Name: 'a', TTLDays: 366 }, 'TTLDays must be a whole number from 1 to 365'],
    [{ Name: 'a', TTLDays: 1.5 }, 'TTLDays must be a whole number from 1 to 365'],
    [{ Name: 'a', TTLDays: '1' }, 'TTLDays must be a number'],
    [{ Name: 'a', Count: -1 }, 'Count must be at least 0'],
    [{ Name: 'a', Count: 0.5 }, 'Count must be a whole number'],
    [{ Name: 'a', Kind: 'x' }, 'Kind must be "User" or "Organization"'],
    [{ Name: 'a', Flags: true }, 'Flags must be a list'],
    [{ Name: 'a', Flags: [true, 1] }, 'Flags.1 must be true or false'],
    [{ Name: 'a', Any: { 'org/repo': {} } }, 'Any.org/repo.Deep is missing'],
    [{ Name: 'a', Text: 'long' }, 'Text is too long'],
    [[], 'the body must be an object'],
    ['x', 'the body must be an object'],
  ];
  for (const [value, text] of problems) {
    const { issues } = v.safeParse(Schema, value);
    assert.equal(issues && describeIssue(issues[0]), text);
  }
});
