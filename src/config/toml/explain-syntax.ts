/** Our words for what the TOML parser rejects: what is wrong, and what to write instead. */
import type { ParseError } from 'toml-eslint-parser';

const quoting = 'texts need quotation marks: key = "text"';

/** By the parser's message, because its errors have no code. */
const explanations = new Map([
  ['Unterminated string constant', 'a text is not closed, add its last quotation mark in the same line'],
  ['Unterminated table-key', 'the name of a table is not closed, add "]"'],
  ['Unterminated array', 'a list is not closed, add "]"'],
  ['Unterminated inline table', 'a table is not closed, add "}"'],
  ['Empty bare keys are not allowed', 'a name is missing, write it here'],
  ['Must be a newline', 'this does not belong to the value before it, begin a new line here or quote the whole text'],
  ['Expected equal (=) token', 'a key has no value, write: key = value'],
  ['Unspecified values are invalid', 'a value is missing, write it after "="'],
  ['Expected comma (,) token', 'a comma is missing, add it here'],
  ['Unexpected character', `this character is not allowed here, ${quoting}`],
  ['Unexpected token', 'this is not allowed here, write: key = value'],
  ['Control characters (codes < 0x1f and 0x7f) are not allowed', 'an invisible control character is here, delete it'],
  [
    'The key, equals sign, and value must be on the same line',
    'key, "=" and value must be in the same line, join them',
  ],
  [
    'No newlines are allowed between the curly braces unless they are valid within a value',
    'a table in braces must be in one line, join its lines',
  ],
  ['Underscores are allowed between digits', 'an underscore in a number must be between two digits, remove it'],
  ['Unexpected spaces', 'spaces are not allowed between two brackets, remove them'],
  ['Three or more quotes are not permitted', 'too many quotation marks, write three at the end'],
  ['Unexpected invalid date', `there is no such date, ${quoting}`],
  ['Unexpected invalid time', `there is no such time, ${quoting}`],
  ['Leading zeros are not allowed', `a number must not begin with 0, ${quoting}`],
  ['Trailing comma is not permitted in an inline table', 'a comma is not allowed before "}", remove it'],
  [
    'Invalid character in escape sequence',
    "there is no such escape sequence, write \\\\ for a backslash or use single quotes: 'text'",
  ],
  ['Consecutive dots are not permitted in keys', 'two dots in a name, remove one'],
  ['Keys cannot end with a dot', 'a name ends with a dot, remove it'],
  ['Keys cannot start with a dot', 'a name begins with a dot, remove it'],
]);

export function explainSyntax({ message }: Pick<ParseError, 'message'>): string {
  return explanations.get(message) ?? withCodePoint(message) ?? 'this is not valid TOML, correct it here';
}

// These two messages quote the file.
function withCodePoint(message: string): string | undefined {
  if (!message.startsWith('Invalid code point ')) return undefined;
  return message.endsWith(' within comments')
    ? 'an invisible control character is in a comment, delete it'
    : 'an escape sequence has no character, use the number of a Unicode character';
}
