import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import type { CliContext } from '../context.ts';
import { chooseAgent } from './choose-agent.ts';

const choose = (env: NodeJS.ProcessEnv, options: { agent?: string; image?: string; container?: boolean } = {}) =>
  chooseAgent({ env } as CliContext, { container: true, ...options });
const variablesOf = (...args: Parameters<typeof choose>) =>
  choose(...args).variables.map(({ Name, Value, IsSecret }) => `${Name}=${Value}${IsSecret ? ' (secret)' : ''}`);

test('the only agent with a key is chosen, and gets it', () => {
  const env = { ANTHROPIC_API_KEY: 'k' };
  assert.deepEqual([choose(env).name, choose(env).image], ['claude', undefined]);
  assert.deepEqual(variablesOf(env), ['ANTHROPIC_API_KEY=k (secret)']);
  assert.deepEqual(variablesOf({ ANTHROPIC_API_KEY: 'k\r\n' }), ['ANTHROPIC_API_KEY=k (secret)']);
  assert.equal(choose(env).reason, 'Using claude, because ANTHROPIC_API_KEY is set. For another agent, use --agent.');
  assert.equal(choose(env, { agent: 'claude' }).reason, undefined);
  assert.equal(choose({ DEEPSEEK_API_KEY: 'k' }).name, 'aider');
  assert.throws(() => choose({ ...env, OPENAI_API_KEY: 'k' }), /keys of claude and codex are set/);
});

test('a key for another server than that of the provider goes to that server', () => {
  const url = { ANTHROPIC_BASE_URL: 'https://models.example' };
  const expected = ['ANTHROPIC_API_KEY=k (secret)', 'ANTHROPIC_BASE_URL=https://models.example'];
  assert.deepEqual(variablesOf({ ANTHROPIC_API_KEY: 'k', ...url }, { agent: 'claude' }), expected);
  assert.deepEqual(variablesOf(url, { agent: 'claude' }), []);
  assert.deepEqual(variablesOf({ OPENAI_API_KEY: 'k', ...url }, { agent: 'codex' }), ['OPENAI_API_KEY=k (secret)']);
});

test('an image that was built for another command gets the command', () => {
  const env = { PLAN42_AGENT_COMMAND: 'my-agent', PLAN42_AGENT_PROTOCOL: 'command' };
  const expected = ['PLAN42_AGENT=custom', 'PLAN42_AGENT_COMMAND=my-agent', 'PLAN42_AGENT_PROTOCOL=command'];
  assert.deepEqual(variablesOf(env, { agent: 'custom' }), expected);
  assert.deepEqual(variablesOf(env, { agent: 'custom', image: 'me/agent:1' }), expected);
});

test('an adapter that an image was built with is known by its name', async () => {
  await using dir = await makeTempDir();
  const env = { HOME: dir.path };
  const folder = join(dir.path, '.config/plan42/images/plan42-agent-made-up');
  assert.throws(() => choose(env, { agent: 'made-up' }), /there is no agent "made-up"/);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'adapter.mjs'), '');
  assert.equal(choose(env, { agent: 'made-up' }).name, join(folder, 'adapter.mjs'));
});
