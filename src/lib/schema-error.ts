/** The one place that words why a value does not match a schema. The library's own texts name neither field nor remedy. */
import * as v from 'valibot';

type Issue = v.BaseIssue<unknown>;

// A field may have a name that the client chose.
const maxFieldLength = 100;

/**
 * Returns the problem as a clause: `TTLDays must be a whole number from 1 to 365`. The message of a schema follows the name
 * of the field. `whole` names a value without fields.
 */
export function describeIssue(issue: Issue, whole = 'the body'): string {
  const field = v.getDotPath(issue)?.slice(0, maxFieldLength) ?? whole;
  const isOwn = !/^Invalid \w/.test(issue.message);
  return `${field} ${isOwn ? issue.message : problemOf(issue)}`;
}

const types: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  loose_object: 'an object',
  object_with_rest: 'an object',
  record: 'an object',
  integer: 'a whole number',
  safe_integer: 'a whole number',
};

function problemOf({ type, received, expected, requirement }: Issue): string {
  if (received === 'undefined') return 'is missing';
  const wanted = types[type];
  if (wanted !== undefined) return `must be ${wanted}`;
  switch (type) {
    case 'literal':
    case 'picklist':
    case 'variant':
      return `must be ${(expected ?? '').replaceAll(/[()]/g, '').replaceAll(' | ', ' or ')}`;
    case 'min_value':
      return `must be at least ${String(requirement)}`;
    case 'max_value':
      return `must be at most ${String(requirement)}`;
    case 'non_empty':
      return 'must not be empty';
    default:
      return 'is not valid';
  }
}

/** A whole number. */
export function wholeNumber(min: number, max: number) {
  const isValid = (value: number) => Number.isInteger(value) && value >= min && value <= max;
  return v.pipe(v.number(), v.check(isValid, `must be a whole number from ${min} to ${max}`));
}
