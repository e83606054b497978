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
      message: 'I fix it.\n\nApplied edit to greeting.txt',
      usage: { inputTokens: 1220, outputTokens: 10 },
    },
  ]);
});

test('an error of the model provider is a failure, unless another attempt succeeds', () => {
  const error = 'litellm.AuthenticationError: AuthenticationError: OpenAIException - bad key';
  const failed = readAider(`${greeting}${error}\nThe API provider is not able to authenticate you.\n`);
  assert.deepEqual(failed, [{ type: 'failure', text: error }]);
  const repeated = readAider(`${greeting}${error}\nRetrying in 0.2 seconds...\nDone.\nTokens: 1 sent, 1 received.\n`);
  assert.equal(repeated[0]?.type, 'result');
  assert.equal(readAider('nothing')[0]?.type, 'failure');
});
