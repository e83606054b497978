/**
 * A command-line agent that needs no model and no key, because it knows its one repository. It really runs the tests, reads
 * what they report, and edits the files. It speaks the Agent Client Protocol, and needs nothing but Node.js.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { runTests } from './run-tests.ts';

interface Message {
  id?: number;
  method?: string;
  params?: { cwd?: string; prompt?: { text?: string }[] };
}

const sessionId = 'scripted';
/** The responses that are always the same, by method. */
const responses: Record<string, object> = {
  initialize: { protocolVersion: 1, agentCapabilities: {}, authMethods: [] },
  'session/new': { sessionId },
};
const pennies = `
test('pennies are exact', () => {
  assert.equal(total([{ name: 'sticker', price: 0.1, quantity: 3 }]), 0.3);
});
`;

let folder = process.cwd();
let calls = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as Message;
  if (method === 'session/new') folder = params?.cwd ?? folder;
  const result = method === 'session/prompt' ? await work(params?.prompt?.[0]?.text ?? '') : responses[method ?? ''];
  const error = { code: -32_601, message: 'Method not found' };
  if (id !== undefined) send({ id, ...(result === undefined ? { error } : { result }) });
}

async function work(prompt: string): Promise<object> {
  const comments = [...prompt.matchAll(/^## Comment (\d+): [\s\S]*?\n> (.*)$/gm)];
  await (comments.length > 0 ? addressComments(comments.map(([, , text = '']) => text)) : fixTheTest());
  return { stopReason: 'end_turn' };
}

async function fixTheTest(): Promise<void> {
  plan('Run the tests', 'Find the cause', 'Fix it', 'Run the tests again');
  const before = await testTool();
  if (before.passed) return say('All tests pass. There is nothing to fix.');
  say(
    `\`total()\` returns ${before.actual} where ${before.expected} is expected: it ignores the quantity of an item.\n`,
  );
  await editTool('cart.js', 'sum + item.price', 'sum + item.price * item.quantity');
  const after = await testTool();
  if (!after.passed) return say('The tests still fail.');
  say('`total()` ignored the quantity of an item. It now multiplies each price by it, and **all tests pass**.');
}

async function addressComments(comments: readonly string[]): Promise<void> {
  const index = comments.findIndex((text) => /penn|round|0\.1/i.test(text));
  const replies = comments.map(() => 'I am the scripted agent of the demo, and do not understand this comment.');
  if (index >= 0) {
    plan('Reproduce it with a test', 'Fix it', 'Run the tests');
    await editTool('cart.test.js', /$/, pennies);
    const before = await testTool();
    say(`The reviewer is right: three items of 0.10 cost ${before.actual}.\n`);
    await editTool('cart.js', /return (.*);/, 'return Math.round(100 * $1) / 100;');
    const after = await testTool();
    replies[index] = after.passed
      ? `You are right: it returned ${before.actual}. It is now rounded to pennies, and a test covers it.`
      : 'I tried to round to pennies, but the tests fail.';
  }
  const sections = replies.map((text, number) => `### Reply ${number + 1}\n\n${text}`);
  say(
    [index >= 0 ? 'Prices are rounded to pennies. A new test covers it.' : 'Nothing to do.', ...sections].join('\n\n'),
  );
}

async function testTool() {
  const finish = startTool('node --test');
  const result = await runTests(folder);
  finish(result.passed, result.report);
  return result;
}

async function editTool(file: string, from: string | RegExp, to: string): Promise<void> {
  const finish = startTool(`edit ${file}`);
  const before = await readFile(`${folder}/${file}`, 'utf8');
  const after = before.replace(from, to);
  await writeFile(`${folder}/${file}`, after);
  finish(after !== before, changedLines(before, after));
}

/** The lines that only one of the two has. */
function changedLines(before: string, after: string): string {
  const [old, current] = [before.split('\n'), after.split('\n')];
  const removed = old.filter((line) => !current.includes(line)).map((line) => `- ${line.trim()}`);
  const added = current.filter((line) => !old.includes(line)).map((line) => `+ ${line.trim()}`);
  return [...removed, ...added].join('\n');
}

function startTool(title: string): (isDone: boolean, text: string) => void {
  calls += 1;
  const toolCallId = String(calls);
  update({ sessionUpdate: 'tool_call', toolCallId, title, status: 'in_progress' });
  return (isDone, text) => {
    const content = [{ type: 'content', content: { type: 'text', text } }];
    update({ sessionUpdate: 'tool_call_update', toolCallId, status: isDone ? 'completed' : 'failed', content });
  };
}

function plan(...steps: string[]): void {
  const entries = steps.map((content) => ({ content, status: 'pending', priority: 'medium' }));
  update({ sessionUpdate: 'plan', entries });
}

function say(text: string): void {
  update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
}

function update(fields: object): void {
  send({ method: 'session/update', params: { sessionId, update: fields } });
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}
