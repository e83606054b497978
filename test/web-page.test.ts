/** The web page in a real browser, served by the real executable, with a real runner behind it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { exists } from '../src/lib/files.ts';
import { chromiumPath, launchBrowser, openPage, type PageOptions, type WatchedPage } from './support/browser.ts';
import { type CallOptions, callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { FakeMachine } from './support/fake-machine.ts';
import { type Answerer, answerAll } from './support/fake-runner.ts';
import type { Json } from './support/json.ts';
import { runCli } from './support/run-cli.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { p42Ctl } from './support/sigv4/p42-ctl.ts';
import { makeTempDir } from './support/temp-dir.ts';

const agent = join(import.meta.dirname, '../dist/js/plan42-sample-agent.mjs');
const hostRuntime = `[host]\nunisolated = true\ncommand = ${JSON.stringify([process.execPath, agent])}\n`;

const skip = !(await exists(chromiumPath)) && `missing prerequisite: chromium: there is no ${chromiumPath}`;

suite('the web page', { concurrency: false }, () => {
  const resources = new AsyncDisposableStack();
  let browser: Browser;
  let server: ServerProcess;

  before(async () => {
    if (skip) return;
    const folder = resources.use(await makeTempDir());
    server = await ServerProcess.start(join(folder.path, 'data'));
    resources.defer(() => server[Symbol.asyncDispose]());
    browser = await launchBrowser();
    resources.defer(() => browser.close());
  });
  after(() => resources.disposeAsync());

  /** Opens a page and signs in with a new link. */
  const signedIn = async (options: Omit<PageOptions, 'origin'> = {}): Promise<WatchedPage> => {
    const watched = await openPage(browser, { origin: server.url, ...options });
    await watched.page.goto(await newLink(server));
    await watched.page.getByRole('heading', { name: 'Overview' }).waitFor();
    return watched;
  };

  test('by keyboard alone: sign in, connect a runner, start a task, follow its log to the end, add a turn', {
    skip,
  }, async () => {
    await using watched = await openPage(browser, { origin: server.url });
    const { page } = watched;
    await page.goto(await newLink(server));
    await page.getByText('Not connected').waitFor();
    assert.equal(page.url(), `${server.url}/#/`, 'the link is out of the address');
    await tabTo(page, 'Local runner');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Create token');
    await page.keyboard.press('Enter');
    const token = await page.getByLabel('Token', { exact: true }).inputValue();
    await using _ = await startRunner(server, token);
    await page.getByRole('table', { name: 'Queues' }).getByText('Healthy').waitFor();

    await tabTo(page, 'Start a task');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Image');
    await page.keyboard.type('not an image');
    await tabTo(page, 'Start the task');
    await page.keyboard.press('Enter');
    await page.getByText(/^"not an image" is not the name of an image: its repository is invalid/).waitFor();
    assert.equal(await focused(page), 'Image', 'the first invalid field has the focus');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('example.com/agent:1');
    await tabTo(page, 'Prompt');
    await page.keyboard.type('Count [sleep 1] these words.');
    await tabTo(page, 'Start the task');
    await page.keyboard.press('Enter');

    const log = page.getByRole('log', { name: 'Log of turn 1' });
    await log.getByText('2. count its words').waitFor();
    assert.equal(await log.getByText('Done.').count(), 0, 'the log is shown before the turn finishes');
    await log.getByText('Done.').waitFor();
    await page.getByRole('heading', { name: 'Add a turn' }).waitFor();
    await page.getByText(/^Your prompt has \d+ words in 1 line\.$/).waitFor();
    assert.match((await page.title()) ?? '', /^Count \[sleep 1\] these words\. – Plan42$/);

    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByText(/, took .* s, on /)
      .waitFor();
    await page.getByRole('article', { name: 'Turn 1' }).getByText('example.com/agent:1', { exact: true }).waitFor();

    await tabTo(page, 'Prompt');
    await page.keyboard.type('And these?');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('article', { name: 'Turn 2' }).getByText('Completed').waitFor();

    await tabTo(page, 'Run again');
    await page.keyboard.press('Enter');
    await eventually(async () => (await page.getByLabel('Prompt').inputValue()) === 'Count [sleep 1] these words.');
    await tabTo(page, 'Prompt');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('Once more.');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('heading', { name: 'Once more.' }).waitFor();
    const tasks: Json[] = (await call(server, 'GET', 'tasks')).Tasks;
    assert.equal(new Set(tasks.map(({ EnvironmentId }) => EnvironmentId)).size, 1, 'in the same environment');
  });

  test('by keyboard: create a connection and an environment, change it, and start a task in it', { skip }, async () => {
    await using watched = await signedIn();
    const { page } = watched;
    const enter = async (field: string, text: string) => {
      await tabTo(page, field);
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type(text);
    };
    const press = async (name: string) => {
      await tabTo(page, name);
      await page.keyboard.press('Enter');
    };
    await press('Environments');
    await page.getByText('There is none yet').waitFor();
    await enter('Name', 'my work');
    await press('Create connection');
    await page.getByText('Use letters, digits').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('');
    await page.getByLabel('Name', { exact: true }).focus();
    await page.keyboard.type('work');
    await press('Create connection');
    const commands = await page.getByLabel('Commands').inputValue();
    const [connection] = (await call(server, 'GET', 'github-connections')).Items;
    assert.match(commands, new RegExp(`config set github\\.work\\.connection_id=${connection.ConnectionID}\n`));
    await page.getByRole('table', { name: 'GitHub connections' }).getByText('default').waitFor();
    await press('Check work');
    await page.getByText('The connection work does not work: no healthy queue of the runner').waitFor();

    await press('Create an environment');
    await press('Create the environment');
    await page.getByText('Enter a name.').waitFor();
    await page.keyboard.type('website');
    await enter('Image', 'example.com/agent:1');
    await enter('Repositories', 'me/web');
    await press('Add a variable');
    await page.keyboard.type('API_KEY');
    await enter('Value of API_KEY', 'hidden-1\nline 2');
    await tabTo(page, 'Secret API_KEY');
    await page.keyboard.press('Space');
    await press('Create the environment');
    await page.getByRole('link', { name: 'website', exact: true }).click();

    const secret = page.getByLabel('Value of API_KEY');
    assert.equal(await secret.inputValue(), '');
    assert.equal(await secret.getAttribute('placeholder'), 'stored; leave empty to keep it');
    await page.getByLabel('Repositories').fill('me/web:main');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('Not org/repo: me/web:main').waitFor();
    assert.equal(await focused(page), 'Repositories');
    await page.getByLabel('Repositories').fill('me/web\nme/docs');
    await page.getByLabel('GitHub connection').selectOption('work');
    await press('Save changes');
    await page.getByText('Saved.').waitFor();
    const environment = (await call(server, 'GET', 'environments')).Items.find(({ Name }: Json) => Name === 'website');
    assert.deepEqual(
      [environment.Repos, environment.GithubConnectionId, environment.EnvVars],
      [['me/web', 'me/docs'], connection.ConnectionID, [{ Name: 'API_KEY', Value: '', IsSecret: true }]],
    );

    // Another user changes it while this one does. A form without changes would show theirs.
    const path = `environments/${environment.EnvironmentId}`;
    await page.getByLabel('Description').fill('mine');
    await call(server, 'PATCH', path, { body: { Description: 'theirs' }, ifMatch: environment.Version });
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('The environment was changed in the meantime.').waitFor();
    await page.getByRole('button', { name: 'Discard them and load it again' }).click();
    await eventually(async () => (await page.getByLabel('Description').inputValue()) === 'theirs');

    await page.getByRole('link', { name: 'Start a task' }).last().click();
    await page.getByLabel('Prompt').fill('In the website.');
    await page.getByRole('button', { name: 'Start the task' }).click();
    await page.getByRole('heading', { name: 'In the website.' }).waitFor();
    const task = (await call(server, 'GET', 'tasks')).Tasks.find(({ Title }: Json) => Title === 'In the website.');
    assert.equal(task.EnvironmentId, environment.EnvironmentId);

    await page.getByRole('link', { name: 'Environments' }).click();
    await page.getByRole('button', { name: 'Delete work' }).click();
    await page.getByText('website then uses the default connection.').waitFor();
    await page.getByRole('button', { name: 'Delete the connection' }).click();
    await page.getByRole('table', { name: 'GitHub connections' }).waitFor({ state: 'detached' });
    assert.equal((await call(server, 'GET', path)).GithubConnectionId, 'default');
  });

  test('an access key is created, shown once, listed with its last use, and revoked', { skip }, async () => {
    await using watched = await signedIn({ width: 1100, colorScheme: 'light' });
    const { page } = watched;
    await page.evaluate(`location.hash = '#/environments'`);
    const keys = page.getByRole('region', { name: 'Access keys' });
    await keys.getByLabel('Name of the new key').fill('laptop');
    await keys.getByRole('button', { name: 'Create access key' }).click();
    const variables = await keys.getByLabel('Variables', { exact: true }).inputValue();
    const [, accessKeyId = '', secretAccessKey = ''] =
      /KEY_ID=(P42K\w{16})\n.*KEY=(p42s_[\w-]{43})\n/.exec(variables) ?? [];
    const row = keys.getByRole('row').filter({ hasText: 'laptop' });
    await row.filter({ hasText: 'never' }).waitFor();
    const read = { method: 'GET', path: '/v1/tenants' };
    assert.equal((await p42Ctl({ url: server.url, accessKeyId, secretAccessKey }, read)).status, 200);
    await page.evaluate(`location.hash = '#/tasks'`);
    await page.evaluate(`location.hash = '#/environments'`);
    await row.filter({ hasNotText: 'never' }).waitFor();
    assert.equal(await keys.getByLabel('Variables', { exact: true }).count(), 0, 'the secret is shown once');
    await row.getByRole('button', { name: /^Revoke/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.waitFor({ state: 'detached' });
    assert.equal((await p42Ctl({ url: server.url, accessKeyId, secretAccessKey }, read)).status, 401);
  });

  test('the files of a task are listed and downloaded', { skip }, async () => {
    await using folder = await makeTempDir();
    const paths = ['<b>spec.md', 'gone.png'].map((name) => join(folder.path, name));
    for (const path of paths) await writeFile(path, 'the specification');
    const taskId = await startTask(server, [
      '--title',
      'Files',
      '--prompt',
      'p',
      ...paths.flatMap((path) => ['--file', path]),
    ]);
    const { FileIDs } = await call(server, 'GET', `tasks/${taskId}`);
    await call(server, 'DELETE', `files/${FileIDs[1]}`);
    await using watched = await signedIn({ width: 360, colorScheme: 'dark' });
    const { page } = watched;
    await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
    await page.getByText('<b>spec.md 17 B').waitFor();
    await page.getByText('gone.png (deleted)').waitFor();
    assert.deepEqual(await watched.accessibilityProblems(), []);
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download <b>spec.md' }).click();
    assert.equal(await readFile((await (await downloading).path()) ?? '', 'utf8'), 'the specification');
    await page.getByRole('heading', { name: 'Files', level: 1 }).waitFor();
  });

  test('text from agents and users is never interpreted as HTML', { skip }, async () => {
    const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
    const taskId = await startTask(server, ['--title', evil, '--prompt', evil, '--repo', 'me/site']);
    const task = await call(server, 'GET', `tasks/${taskId}`);
    const RepoInfo = { 'me/site': { ...task.RepoInfo['me/site'], PRLink: 'javascript:alert(3)', PRNumber: 7 } };
    await call(server, 'PATCH', `tasks/${taskId}`, { body: { RepoInfo }, ifMatch: task.Version });
    await uploadLogs(server, taskId, 0, [evil, '\u001b[31mred\u001b[0m \u202etxet', 'x'.repeat(100_000)]);
    const turn = await call(server, 'GET', `tasks/${taskId}/turns/1`);
    const body = { Status: 'Failed', ErrorMessage: evil, OutputMessage: evil };
    await call(server, 'PATCH', `tasks/${taskId}/turns/1`, { body, ifMatch: turn.Version });

    await using watched = await signedIn();
    const { page } = watched;
    await page.getByRole('link', { name: evil }).click();
    await page.getByRole('heading', { name: evil, level: 1 }).waitFor();
    const log = page.getByRole('log');
    await log.getByText(evil).waitFor();
    await log.getByText('red \\u202etxet', { exact: true }).waitFor();
    await log.getByText('… (90000 more characters)').waitFor();
    assert.equal(await page.getByText(evil).count(), 5, 'as title, prompt, error, output and log');
    await page.getByText('pull request 7').waitFor();
    assert.equal(await page.getByRole('link', { name: 'pull request 7' }).count(), 0);
    assert.equal(await page.locator('img, main script, main svg:not(.plot)').count(), 0);
  });

  test('output is Markdown, with links to the branch, the commit and the pull request', { skip }, async () => {
    const taskId = await startTask(server, ['--title', 'Markdown', '--prompt', 'p', '--repo', 'me/site']);
    const task = await call(server, 'GET', `tasks/${taskId}`);
    const PRLink = 'https://github.example.com/me/site/pull/7';
    const RepoInfo = { 'me/site': { FeatureBranch: 'plan42/x', TargetBranch: 'main', PRLink, PRNumber: 7 } };
    await call(server, 'PATCH', `tasks/${taskId}`, { body: { RepoInfo }, ifMatch: task.Version });
    const waiting = await call(server, 'GET', `tasks/${taskId}/turns/1`);
    const OutputMessage = [
      '# Done\n\nSee [the docs](https://docs.example.com/a) and https://example.org/b.',
      '- one\n- `two`\n\n| a | b |\n|-|-|\n| 1 | 2 |',
      ['```', 'x'.repeat(300), '```'].join('\n'),
      '![](https://tracker.example.com/i.png) [trap](javascript:alert(1)) <b onclick="alert(2)">html</b>',
    ].join('\n\n');
    const CommitInfo = { 'me/site': { BaselineCommitHash: 'a'.repeat(40), LastCommitHash: 'b'.repeat(40) } };

    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      await using watched = await signedIn({ width, colorScheme });
      const { page } = watched;
      await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
      const turn = page.getByRole('article', { name: 'Turn 1' });
      if (width === 360) {
        await turn.getByText(/, waiting for \d/).waitFor();
        assert.equal(await page.locator('.state.active').count(), 0, 'a turn that waits is not shown as running');
        const body = { Status: 'Completed', OutputMessage, CommitInfo };
        await call(server, 'PATCH', `tasks/${taskId}/turns/1`, { body, ifMatch: waiting.Version });
      }
      await turn.getByRole('heading', { name: 'Done', level: 4 }).waitFor();
      const hrefs = await turn.getByRole('link').evaluateAll((links: { href: string }[]) => links.map((a) => a.href));
      assert.deepEqual(hrefs, [
        'https://docs.example.com/a',
        'https://example.org/b',
        'https://tracker.example.com/i.png',
        `https://github.example.com/me/site/commit/${'b'.repeat(40)}`,
      ]);
      await turn.getByText('on docs.example.com').waitFor();
      assert.equal(await turn.getByText('on example.org').count(), 0, 'the text has the host already');
      await turn.getByText('[trap](javascript:alert(1)) <b onclick="alert(2)">html</b>').waitFor();
      assert.equal(await turn.getByRole('listitem').filter({ hasText: 'two' }).locator('code').count(), 1);
      assert.equal(await turn.getByRole('cell', { name: '2' }).count(), 1);
      const branch = page.getByRole('link', { name: 'plan42/x' });
      assert.equal(await branch.getAttribute('href'), 'https://github.example.com/me/site/tree/plan42/x');
      assert.equal(await page.getByRole('link', { name: 'pull request 7' }).getAttribute('href'), PRLink);
      assert.deepEqual(await watched.accessibilityProblems(), [], colorScheme);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
    }
  });

  test('a turn shows its network, and a refused host is added to the environment', { skip }, async () => {
    await using dir = await makeTempDir();
    await using own = await ServerProcess.start(join(dir.path, 'data'));
    const token = (await runCli(['server', 'token', 'create', '--data', own.dataDir])).stdout.split('\n')[0] ?? '';
    await using machine = await FakeMachine.start({ url: own.url, token: token.trim(), name: 'm1', slots: 2 });
    const taskId = await startTask(own, ['--prompt', 'p']);
    await eventually(async () => machine.tasks.includes(taskId));
    const { runnerId } = await adminOf(own);
    const { EnvironmentId } = await call(own, 'GET', `tasks/${taskId}`);
    const none = { Mode: 'None', Notes: [], Hosts: [], OtherAllowed: 0, OtherRefused: 0, IsFinal: false };
    const report = (Network: object) =>
      call(own, 'POST', `runners/${runnerId}/turn-networks`, {
        body: { Turns: [{ TaskId: taskId, TurnIndex: 1, Network }] },
      });
    await report(none);
    const host = { Port: 443, Count: 12, SentBytes: 0, ReceivedBytes: 0 };
    const refused = {
      Verdict: 'Refused',
      Code: 'host-not-allowed',
      Rule: 'no entry allows this host',
      Remedy: 'Add it.',
    };
    const allowed = {
      Verdict: 'Allowed',
      Code: '',
      Rule: '"npm" in AllowedHosts',
      Remedy: '',
      ReceivedBytes: 8_500_000,
    };
    const Hosts = [
      { ...host, ...allowed, Host: 'registry.npmjs.org' },
      { ...host, ...refused, Host: 'pypi.org', Port: 8443 },
      { ...host, ...refused, Host: `${'x'.repeat(60)}.example`, Code: 'address-not-allowed' },
    ];
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      await using watched = await openPage(browser, { origin: own.url, width, colorScheme });
      const { page } = watched;
      await page.goto(await newLink(own));
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
      const turn = page.getByRole('article', { name: 'Turn 1' });
      if (width === 360) {
        await turn.getByText('Network: not limited').waitFor();
        await report({ ...none, Mode: 'Enforce', Hosts, OtherAllowed: 2, OtherRefused: 1, IsFinal: true });
      }
      await turn.getByText('Network: 2 hosts refused, 1 reached').waitFor();
      // The log says it too, as it happens.
      await turn.getByText('plan42: network: refused pypi.org:8443: no entry allows this host. Add it.').waitFor();
      await turn
        .getByRole('row', { name: /^Allowed registry\.npmjs\.org:443 .*0 bytes sent, 8\.1 MiB received 12$/ })
        .waitFor();
      await turn.getByText('3 connections to further hosts, of which 1 were refused.').waitFor();
      assert.equal(await turn.getByRole('button', { name: /^Allow / }).count(), width === 360 ? 1 : 0);
      assert.deepEqual(await watched.accessibilityProblems(), [], colorScheme);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
      if (width > 360) break;
      await turn.getByRole('button', { name: 'Allow pypi.org:8443' }).click();
      await page.getByText(/reach it from their next turn on/).waitFor();
      await page.getByRole('button', { name: 'Add the host' }).click();
      await turn.getByText('The environment has this host now.').waitFor();
      assert.deepEqual((await call(own, 'GET', `environments/${EnvironmentId}`)).AllowedHosts, ['pypi.org:8443']);

      await page.evaluate(`location.hash = '#/environments/${EnvironmentId}'`);
      await page.getByRole('button', { name: '+ npm', exact: true }).click();
      assert.equal(await page.getByLabel('Hosts').inputValue(), 'pypi.org:8443\nnpm');
      assert.equal(await page.getByRole('button', { name: '+ npm', exact: true }).count(), 0);
      await page.getByLabel('Hosts').fill('https://a.example');
      await page.getByRole('button', { name: 'Save changes' }).click();
      await page.getByText('AllowedHosts: "https://a.example" is a URL; write "a.example"').waitFor();
      assert.equal(await focused(page), 'Hosts');
      await page.getByLabel('Hosts').fill('npm\npypi.org:8443');
      await page.getByRole('button', { name: 'Save changes' }).click();
      await page.getByText('Saved.').waitFor();
      assert.deepEqual((await call(own, 'GET', `environments/${EnvironmentId}`)).AllowedHosts, [
        'npm',
        'pypi.org:8443',
      ]);
    }
  });

  test('a token that ends soon is shown with its runner, and how to replace it', { skip }, async () => {
    const { runnerId, tenantId } = await adminOf(server);
    const path = `runners/${runnerId}/tokens/${randomUUID()}`;
    const { Token: token } = await call(server, 'PUT', path, { body: { TTLDays: 5 } });
    assert.equal((await callServer(server.url, 'GET', `/v1/tenants/${tenantId}`, { token })).status, 200);
    await using watched = await signedIn();
    const { page } = watched;
    await page
      .getByText(/^Token [0-9a-f]{8} ends in 4 days\. Create a new token and set it as runner\.token/)
      .waitFor();
    await page.getByRole('link', { name: 'Create a new token' }).click();
    await page.getByRole('table', { name: 'Tokens' }).getByText('(in 4 days)').waitFor();
  });

  test('every view is accessible and fits, in both color schemes, on a phone and on a desktop', { skip }, async () => {
    const taskId = await startTask(server, ['--title', `A long title ${'word'.repeat(40)}`, '--prompt', 'p']);
    await uploadLogs(server, taskId, 0, ['a line', `a long one: ${'x'.repeat(500)}`]);
    const { runnerId } = await adminOf(server);
    const { EnvironmentId } = await call(server, 'GET', `tasks/${taskId}`);
    for (const Name of ['work', 'customer']) {
      const body = { Private: true, Name, RunnerID: runnerId };
      await call(server, 'PUT', `github-connections/${randomUUID()}`, { body });
    }
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      await using watched = await signedIn({ width, colorScheme });
      const { page } = watched;
      const check = async (name: string) => {
        await page.locator('main:not(:has-text("Loading …"))').waitFor();
        assert.deepEqual(await watched.accessibilityProblems(), [], `${name}, ${colorScheme}`);
        const scrollWidth = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(scrollWidth <= width, `${name} is ${scrollWidth} wide, at ${width}`);
      };
      await check('overview');
      const environmentViews = ['environments', `environments/${EnvironmentId}`, 'environments/new'];
      for (const view of [
        'tasks',
        `tasks/${taskId}`,
        'tasks/new',
        `runners/${runnerId}`,
        ...environmentViews,
        'nowhere',
      ]) {
        await page.evaluate(`location.hash = '#/${view}'`);
        if (view === 'tasks/new') await page.getByRole('button', { name: 'Start the task' }).click();
        if (view === 'environments/new') {
          await page.getByRole('button', { name: 'Add a variable' }).click();
          await page.getByRole('button', { name: 'Create the environment' }).click();
        }
        await check(view);
      }
      await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
      await page.getByRole('button', { name: 'Cancel turn 1' }).click();
      await check('a dialog');
      await page.keyboard.press('Escape');
      assert.equal(await focused(page), 'Cancel turn 1', 'the focus is back where it was');
    }
  });

  test('tasks are searched, and cancelled together, by keyboard', { skip }, async () => {
    for (const title of ['Paint it red', 'Paint it blue', 'Paint it green']) {
      await startTask(server, ['--title', title, '--prompt', 'p']);
    }
    await using watched = await signedIn({ width: 360 });
    const { page } = watched;
    await page.getByRole('link', { name: 'Tasks', exact: true }).click();
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    await tabTo(page, 'Search tasks');
    await page.keyboard.type('PAINT it');
    const rows = page.getByRole('table').getByRole('row');
    await eventually(async () => (await rows.count()) === 4);
    await eventually(async () => page.url().endsWith('#/tasks?search=PAINT+it'));
    await page.reload();
    await eventually(async () => (await rows.count()) === 4);
    assert.equal(await page.getByRole('searchbox').inputValue(), 'PAINT it');

    await tabTo(page, 'Select all tasks that are not finished');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Cancel 3 tasks' }).waitFor();
    await tabTo(page, 'Select Paint it blue');
    await page.keyboard.press('Space');
    assert.deepEqual(await watched.accessibilityProblems(), []);
    await tabTo(page, 'Cancel 2 tasks');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Cancel the tasks');
    await page.keyboard.press('Enter');
    await eventually(async () => (await page.getByRole('table').getByText('Cancelled').count()) === 2);
    const tasks: Json[] = (await call(server, 'GET', 'tasks?maxResults=100')).Tasks;
    const stateOf = (title: string) => tasks.find(({ Title }) => Title === title).State;
    assert.deepEqual(['Paint it red', 'Paint it blue', 'Paint it green'].map(stateOf), ['Failed', 'Pending', 'Failed']);

    await page.getByRole('link', { name: 'Pending' }).click();
    await eventually(async () => (await rows.count()) === 2);
    await page.getByRole('searchbox').fill('nothing has this');
    await page.getByText('No task matches.').waitFor();
  });

  test('the overview shows which agents run, wait and have failed, and the free slots', { skip }, async () => {
    await using folder = await makeTempDir();
    await using own = await ServerProcess.start(join(folder.path, 'data'));
    const { stdout: token } = await runCli(['server', 'token', 'create', '--data', own.dataDir]);
    const answer: Answerer = (request) =>
      request.Task?.Title === 'breaks'
        ? { Type: 'InvokeAgentResponse', ErrorMessage: `the disk is broken ${'and more '.repeat(60)}` }
        : answerAll(request);
    await using machine = await FakeMachine.start({ url: own.url, token: token.trim(), name: 'm1', slots: 2, answer });
    for (const title of ['breaks', 'first', 'second', 'third']) {
      await startTask(own, ['--title', title, '--prompt', 'p']);
      if (title !== 'breaks') continue;
      await eventually(async () => machine.tasks.length === 1);
      await machine.finish();
    }
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      await using watched = await openPage(browser, { origin: own.url, width, colorScheme });
      const { page } = watched;
      await page.goto(await newLink(own));
      const figures = page.getByRole('region', { name: 'Summary' });
      await eventually(async () => {
        const texts = await figures.locator('dd').allTextContents();
        return texts.join() === '2,1,0 of 2,1';
      });
      const table = (name: string) => page.getByRole('region', { name }).getByRole('row');
      assert.match((await table('Running').nth(1).textContent()) ?? '', /^firstStartingon m1\d+ s$/);
      assert.match((await table('Waiting').nth(1).textContent()) ?? '', /^thirdPending\d+ s$/);
      assert.match((await table('Failed today').nth(1).textContent()) ?? '', /^breaksthe disk is broken/);
      assert.match((await table('Runners').nth(1).textContent()) ?? '', /^Local runnerHealthym1.*0 of 2 free$/);
      assert.equal(await page.locator('.plot').count(), 0);
      assert.deepEqual(await watched.accessibilityProblems(), [], colorScheme);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
      await page.getByRole('link', { name: 'Local runner' }).click();
      await page.locator('.plot.large').waitFor();
    }
  });

  test('a long log is truncated and does not scroll while it is being read', { skip }, async () => {
    const taskId = await startTask(server, ['--prompt', 'p']);
    const upload = (from: number, count: number) =>
      uploadLogs(
        server,
        taskId,
        from,
        Array.from({ length: count }, (_, i) => `line ${from + i}.`),
      );
    for (let from = 0; from < 8000; from += 500) await upload(from, 500);
    await using watched = await signedIn();
    const { page } = watched;
    await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
    const log = page.getByRole('log');
    await log.getByText('line 7999.').waitFor();
    await page.getByText('3000 earlier lines are not shown').waitFor();
    assert.equal(await log.locator('.log-line').count(), 5000);
    const fromEnd = () => log.evaluate((box: Scrolled) => box.scrollHeight - box.scrollTop - box.clientHeight);
    assert.ok((await fromEnd()) < 5, 'it is scrolled to the end');

    await log.focus();
    await page.keyboard.press('Control+Home');
    await page.getByRole('button', { name: 'To the end' }).waitFor();
    // Browsers scroll asynchronously.
    await eventually(async () => (await log.evaluate((box: Scrolled) => box.scrollTop)) === 0);
    await upload(8000, 300);
    await page.getByRole('button', { name: '300 new lines' }).waitFor();
    assert.ok((await fromEnd()) > 10_000, 'it does not scroll');
    await page.getByRole('button', { name: '300 new lines' }).click();
    await upload(8300, 500);
    await log.getByText('line 8799.').waitFor();
    assert.ok((await fromEnd()) < 5, 'it follows again');
    assert.ok((await log.locator('.log-line').count()) <= 5250);
    await page.getByText('Following …').waitFor();
  });

  test('a log is searched to its start, wrapped or not, and downloaded', { skip }, async () => {
    const taskId = await startTask(server, ['--title', 'Search', '--prompt', 'p']);
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}. <b>${i % 250 === 7 ? 'Needle' : 'hay'}</b>`);
    for (let from = 0; from < 6000; from += 500) await uploadLogs(server, taskId, from, lines);
    await uploadLogs(server, taskId, 6000, [`\u001b[1mneedle\u001b[0m ${'wide '.repeat(200)}`]);
    await using watched = await signedIn({ width: 360, colorScheme: 'dark' });
    const { page } = watched;
    await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
    await page.getByRole('log').getByText('needle wide').waitFor();

    await page.getByRole('searchbox', { name: 'Search log of turn 1' }).focus();
    await page.keyboard.type('nEEDle');
    await page.getByText('25 lines match').waitFor();
    const matches = page.getByRole('log', { name: 'Matches in log of turn 1' });
    assert.equal(await matches.locator('.log-line').count(), 25, 'also of those that are not shown');
    assert.equal(await matches.locator('mark').count(), 25);
    assert.deepEqual(await watched.accessibilityProblems(), []);
    await uploadLogs(server, taskId, 6001, ['another needle']);
    await page.getByText('26 lines match').waitFor();
    await page.keyboard.press('Escape');
    const log = page.getByRole('log', { name: 'Log of turn 1' });
    await log.getByText('another needle').waitFor();

    const isScrollable = () => log.evaluate((box: Scrolled) => box.scrollWidth > box.clientWidth);
    assert.equal(await isScrollable(), false);
    await page.getByLabel('Wrap lines').uncheck();
    assert.equal(await isScrollable(), true);
    await page.reload();
    await log.getByText('another needle').waitFor();
    assert.equal(await isScrollable(), true, 'it is remembered');
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 360);

    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const download = await downloading;
    assert.equal(download.suggestedFilename(), `plan42-${taskId.slice(0, 8)}-turn-1.log`);
    const file = (await readFile((await download.path()) ?? '', 'utf8')).split('\n');
    assert.equal(file.length, 6003);
    assert.match(file[0] ?? '', /^\d{4}-\S+Z line 0\. <b>hay<\/b>$/);
    assert.ok(file[6000]?.includes('Z \u001b[1mneedle\u001b[0m wide'), 'as the agent wrote it');
  });

  test('the page reports an unreachable server and resumes when it is back', { skip }, async () => {
    const taskId = await startTask(server, ['--prompt', 'p']);
    await uploadLogs(server, taskId, 0, ['before']);
    await using watched = await signedIn();
    const { page } = watched;
    await page.evaluate(`location.hash = '#/tasks/${taskId}'`);
    const log = page.getByRole('log');
    await log.getByText('before').waitFor();
    await server.stop();
    await page.getByText('The server is not responding.').waitFor();
    server = await ServerProcess.start(server.dataDir, Number(new URL(server.url).port));
    resources.defer(() => server[Symbol.asyncDispose]());
    await page.getByText('The server is not responding.').waitFor({ state: 'detached' });
    await uploadLogs(server, taskId, 1, ['after']);
    await log.getByText('after').waitFor();
    assert.deepEqual(await log.locator('.log-line').allTextContents(), ['before', 'after']);

    await page.getByRole('button', { name: 'Cancel turn 1' }).click();
    await page.getByRole('button', { name: 'Cancel the turn' }).click();
    await page.getByText('cancelled by user').waitFor();

    await page.getByRole('button', { name: 'Delete task' }).click();
    await page.getByRole('button', { name: 'Delete the task' }).click();
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    assert.equal(await page.locator(`a[href*="${taskId}"]`).count(), 0);
  });

  test('a link signs in once, and signing out applies to every tab', { skip }, async () => {
    const link = await newLink(server);
    await using first = await openPage(browser, { origin: server.url });
    await first.page.goto(link);
    await first.page.getByRole('heading', { name: 'Overview' }).waitFor();
    const second = await first.page.context().newPage();
    await second.goto(link);
    await second.getByRole('heading', { name: 'Overview' }).waitFor();

    await using other = await openPage(browser, { origin: server.url });
    await other.page.goto(link);
    await other.page.getByText('This link is already used or has expired.').waitFor();
    await other.page.getByLabel('Link').fill(await newLink(server));
    await other.page.keyboard.press('Enter');
    await other.page.getByRole('heading', { name: 'Overview' }).waitFor();

    await first.page.getByRole('button', { name: 'Sign out' }).click();
    for (const page of [first.page, second]) await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await first.page.evaluate('localStorage.length'), 0);
    assert.equal(await other.page.getByRole('heading', { name: 'Overview' }).count(), 1);
  });
});

interface Scrolled {
  scrollHeight: number;
  scrollTop: number;
  clientHeight: number;
  scrollWidth: number;
  clientWidth: number;
}

/** Presses Tab until the element named `name` has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const seen: string[] = [];
  while (seen.length < 60) {
    await page.keyboard.press('Tab');
    seen.push(await focused(page));
    if (seen.at(-1) === name) return;
  }
  assert.fail(`Tab does not lead to ${name}, but to ${seen.join(', ')}`);
}

/** Returns the label or text of the focused element. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    `((element) => element.ariaLabel ?? (element.labels?.[0] ?? element).textContent.trim())(document.activeElement)`,
  );
}

async function newLink(server: ServerProcess): Promise<string> {
  return (await runCli(['server', 'link', '--data', server.dataDir])).stdout.trim();
}

async function startTask(server: ServerProcess, args: readonly string[]): Promise<string> {
  const argv = ['server', 'task', 'create', '--data', server.dataDir, '--image', 'example.com/agent:1', ...args];
  const { stdout, stderr } = await runCli(argv);
  assert.match(stdout, /^[\da-f-]{36}\n$/, stderr);
  return stdout.trim();
}

async function adminOf({
  dataDir,
}: ServerProcess): Promise<{ tenantId: string; runnerId: string; tenantToken: string }> {
  return JSON.parse(await readFile(join(dataDir, 'admin.json'), 'utf8'));
}

async function call(server: ServerProcess, method: string, path: string, options: CallOptions = {}): Promise<Json> {
  const { tenantId, tenantToken } = await adminOf(server);
  const url = `/v1/tenants/${tenantId}/${path}`;
  const { status, body } = await callServer(server.url, method, url, { token: tenantToken, ...options });
  assert.ok(status < 300, `${method} ${path}: ${status} ${body.Message}`);
  return body;
}

/** Appends to the log of the first turn, as its agent would. */
async function uploadLogs(server: ServerProcess, taskId: string, Index: number, messages: string[]): Promise<void> {
  const turn = await call(server, 'GET', `tasks/${taskId}/turns/1`);
  const Logs = messages.map((Message) => ({ Timestamp: new Date().toISOString(), Message }));
  await call(server, 'POST', `tasks/${taskId}/turns/1/logs`, { body: { Index, Logs }, ifMatch: turn.Version });
}

function startRunner(server: ServerProcess, token: string): Promise<RunnerProcess> {
  return RunnerProcess.start({ url: server.url, token, runtime: 'host', config: hostRuntime });
}
