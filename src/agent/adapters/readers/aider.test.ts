import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAider } from './aider.ts';

const greeting = 'Aider v0.86.2\nGit repo: .git with 1 files\nRepo-map: using 4096 tokens, auto refresh\n\n';

test('the answer has neither the greeting nor the edits, and the tokens are added up', () => {
  const edit = 'greeting.txt\n```\n<<<<<<< SEARCH\nhelo\n=======\nhello\n>>>>>>> REPLACE\n```\n';
  const tokens = 'Tokens: 1.2k sent, 1.1k cache hit, 7 received. Cost: $0.01 message, $0.01 session.\n';
  const output = `${greeting}I fix it.\n\n${edit}\n${tokens}Applied edit to greeting.txt\nTokens: 20 sent, 3 received.\n`;
  assert.deepEqual(readAider(output), [
    {
      type: 'result',
      message: 'I fix it.',
      usage: { inputTokens: 1220, outputTokens: 10 },
    },
  ]);
});

test('the answer is that of the last response, which had the files', () => {
  const asked = `${greeting}I fix it.\nTokens: 20 sent, 3 received.\ngreeting.txt\nsrc/b\nI fixed it.\nTokens: 20 sent, 3 received.\n`;
  assert.equal((readAider(asked)[0] as { message?: string }).message, 'I fixed it.');
});

test('an answer of edits only names their files', () => {
  const output = `${greeting}Tokens: 20 sent, 3 received.\nApplied edit to greeting.txt\n`;
  assert.equal((readAider(output)[0] as { message?: string }).message, 'Applied edit to greeting.txt');
});

test('an error of the model provider is a failure, unless another attempt succeeds', () => {
  const error = 'litellm.AuthenticationError: AuthenticationError: OpenAIException - bad key';
  const failed = readAider(`${greeting}${error}\nThe API provider is not able to authenticate you.\n`);
  assert.deepEqual(failed, [{ type: 'failure', text: error }]);
  const repeated = readAider(`${greeting}${error}\nRetrying in 0.2 seconds...\nDone.\nTokens: 1 sent, 1 received.\n`);
  assert.equal(repeated[0]?.type, 'result');
  assert.equal(readAider('nothing')[0]?.type, 'failure');
});
