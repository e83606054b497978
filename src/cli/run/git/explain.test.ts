import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GitError } from '../../../agent/git/git.ts';
import { UserError } from '../../../lib/errors.ts';
import { explainGit, explainingGit } from './explain.ts';

const explain = (output: string, what?: string) => {
  const { message, remedy } = explainGit(new GitError(['fetch'], 128, output), what);
  return `${message}|${remedy ?? ''}`;
};

test('errors of git become sentences with a remedy', () => {
  const object = 'a'.repeat(40);
  const cases = [
    ['error: unable to write file x: No space left on device', /^the disk .* is full\|Free disk space/],
    ["fatal: detected dubious ownership in repository at '/a b'\nTo add", /trust the repository \/a b,.*'\/a b'$/],
    ['fatal: this operation must be run in a work tree', /^this folder is inside of a \.git folder\|/],
    [`fatal: could not fetch ${object} from promisor remote`, /^objects are missing in this partial clone/],
    ["fatal: Unable to create '/r/.git/x.lock': File exists.", /^another git process .*delete \/r\/\.git\/x\.lock\.$/],
    [
      "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create",
      /because refs\/heads\/a exists\|/,
    ],
    [
      'fatal: Unable to create temporary file: Permission denied',
      /^cannot write .*: permission denied\|Check the owner/,
    ],
    ['error: object file .git/objects/aa/bb is empty', /^the repository is damaged: .*\|Run: git fsck/],
    ['warning: x\nfatal: something new\nhint: y', /^git cannot work with the repository: something new\|/],
  ] as const;
  for (const [output, expected] of cases) assert.match(explain(output), expected);
  assert.equal(explain('remote: fatal: no\n', 'send it'), 'cannot send it: no|');
});

test('only errors of git are explained', async () => {
  const failing = (error: Error) => explainingGit(() => Promise.reject(error));
  await assert.rejects(failing(new GitError(['x'], 1, 'fatal: y')), UserError);
  await assert.rejects(failing(new TypeError('z')), TypeError);
});
