/** Messages to a running agent in the web page, in a real browser. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { exists } from '../src/lib/files.ts';
import { chromiumPath, launchBrowser, openPage } from './support/browser.ts';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { FakeMachine } from './support/fake-machine.ts';
import { answerAll } from './support/fake-runner.ts';
import { runCli } from './support/run-cli.ts';

const skip = !(await exists(chromiumPath)) && `missing prerequisite: chromium: there is no ${chromiumPath}`;

test('a person writes to a running agent and sees its answer and its sub-agents', { skip }, async () => {
  await using plane = await startControlPlane();
  const tokens = new Map<string, string>();
  await using _machine = await FakeMachine.start({
    url: plane.server.url,
    token: await plane.newToken(),
    name: 'm1',
    slots: 2,
    answer: (request) => {
      if (request.Type === 'InvokeAgentRequest') tokens.set(request.Task.TaskId, request.AgentToken);
      return answerAll(request);
    },
  });
  const task = await plane.newTask();
  await eventually(async () => tokens.has(task));
  const turn = `tasks/${task}/turns/1`;
  const asAgent = { token: tokens.get(task) ?? '' };
  const browser = await launchBrowser();
  try {
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      await using watched = await openPage(browser, { origin: plane.server.url, width, colorScheme });
      const { page } = watched;
      const link = await runCli(['server', 'link', '--data', plane.dataDir]);
      await page.goto(link.stdout.trim());
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.evaluate(`location.hash = '#/tasks/${task}'`);
      const card = page.getByRole('article', { name: 'Turn 1' });
      await card.getByRole('button', { name: 'Send message' }).click();
      await card.getByText('Enter a message.').waitFor();
      const text = `<b>Use</b> the ${colorScheme} one.`;
      await card.getByLabel('Message to the agent').fill(text);
      await page.keyboard.press('Control+Enter');
      const messages = card.getByRole('listitem');
      await messages.filter({ hasText: `You${text}` }).waitFor();
      assert.equal(await card.getByLabel('Message to the agent').inputValue(), '');

      const agent = randomUUID();
      const subAgent = { AgentType: 'CodeReview', Name: `reviewer ${colorScheme}` };
      await plane.call('PUT', `${turn}/subagents/${agent}`, { body: subAgent, ...asAgent });
      const answer = { Message: `As **${colorScheme}** as you wish.` };
      await plane.call('PUT', `${turn}/messages/${randomUUID()}`, { body: answer, ...asAgent });
      const done = { Status: 'Waiting', CompletionMessage: 'Two faults.' };
      await plane.call('PATCH', `${turn}/subagents/${agent}`, { ifMatch: 1, body: done, ...asAgent });
      await messages.filter({ hasText: `As ${colorScheme} as you wish.` }).waitFor();
      await messages.filter({ hasText: `Sub-agent reviewer ${colorScheme} waits for messages` }).waitFor();
      await messages.filter({ hasText: `Sub-agent reviewer ${colorScheme} CodeReview Waiting` }).waitFor();
      assert.deepEqual(await watched.accessibilityProblems(), [], colorScheme);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
      if (width === 360) continue;

      const { Version } = (await plane.call('GET', turn)).body;
      await plane.call('PATCH', turn, { ifMatch: Version, body: { Status: 'Completed' } });
      await card.getByRole('button', { name: 'Send message' }).waitFor({ state: 'detached' });
      await messages.filter({ hasText: 'reviewer dark CodeReview Terminated' }).waitFor();
      await messages.filter({ hasText: 'You<b>Use</b> the dark one.' }).waitFor();
    }
  } finally {
    await browser.close();
  }
});

test('a sub-agent does not look like a person, and of many messages the last ones are loaded', { skip }, async () => {
  await using plane = await startControlPlane();
  const task = await plane.newTask();
  const turn = `tasks/${task}/turns/1`;
  const send = (Message: string) => plane.call('PUT', `${turn}/messages/${randomUUID()}`, { body: { Message } });
  for (let i = 1; i <= 120; i += 1) await send(`message ${i}.`);
  await plane.call('PUT', `${turn}/subagents/${randomUUID()}`, {
    body: { AgentType: 'Custom', Name: 'You\nAgent\u202e' },
  });
  const browser = await launchBrowser();
  try {
    await using watched = await openPage(browser, { origin: plane.server.url, width: 1100, colorScheme: 'light' });
    const { page } = watched;
    const link = await runCli(['server', 'link', '--data', plane.dataDir]);
    await page.goto(link.stdout.trim());
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.evaluate(`location.hash = '#/tasks/${task}'`);
    const items = page.getByRole('article', { name: 'Turn 1' }).locator('.messages > li');
    const shown = async (count: number, first: string) => {
      await eventually(async () => (await items.count()) === count);
      assert.equal(await items.first().innerText(), first);
    };
    await shown(50, 'You\nmessage 71.');
    await page.getByText('Sub-agent You Agent\\u202e').waitFor();
    const earlier = page.getByRole('button', { name: 'Show earlier messages' });
    await earlier.click();
    await shown(100, 'You\nmessage 21.');
    await earlier.click();
    await shown(120, 'You\nmessage 1.');
    await earlier.waitFor({ state: 'detached' });
    // A new message does not hide the earlier ones again.
    await send('message 121.');
    await shown(121, 'You\nmessage 1.');
    assert.equal(await items.last().innerText(), 'You\nmessage 121.');
    assert.deepEqual(await watched.accessibilityProblems(), []);
  } finally {
    await browser.close();
  }
});
