import assert from 'node:assert/strict';
import { CommanderError, InvalidArgumentError } from 'commander';
import { GitError } from '../../src/agent/git/git.ts';
import { parseDevcontainer } from '../../src/cli/agents/devcontainer.ts';
import { parseProbe } from '../../src/cli/agents/probe-base.ts';
import { httpUrl, integerBetween } from '../../src/cli/options.ts';
import { formatElapsed, formatLocalTime, renderJson } from '../../src/cli/output.ts';
import { renderError } from '../../src/cli/render-error.ts';
import { parseShortStat } from '../../src/cli/run/git/changes.ts';
import { explainGit } from '../../src/cli/run/git/explain.ts';
import { hostedNameFor } from '../../src/cli/run/git/local-repository.ts';
import { parseGithubRemote, parseRemote } from '../../src/cli/run/pull-request.ts';
import { explainApiFailure } from '../../src/cli/server/api-failure.ts';
import { parseEnvVar } from '../../src/cli/server/environment/variables.ts';
import { keepPeriod } from '../../src/cli/server/start/keep-period.ts';
import { parseListenAddress } from '../../src/cli/server/start/listen-address.ts';
import { parseRepoOption } from '../../src/cli/server/task/create.ts';
import { describeEvents } from '../../src/cli/server/turn/messages.ts';
import { turnRemedy } from '../../src/cli/server/turn-remedy.ts';
import { describeOutdated, unitOf } from '../../src/cli/service/outdated.ts';
import { pickByPrefix, pickToRevoke, shortIds } from '../../src/cli/short-ids.ts';
import { renderTable } from '../../src/cli/table.ts';
import { formatError, UserError } from '../../src/lib/errors.ts';
import { wellFormed } from '../../src/lib/json.ts';
import { printableLine } from '../../src/lib/printable.ts';
import { isNewer } from '../../src/lib/version.ts';
import { ApiError, ConnectionError } from '../../src/plan42/errors.ts';
import { isRepositoryName } from '../../src/plan42/hosted-repositories.ts';
import { eventsOf } from '../../src/tui/view/keys.ts';
import { pad, span, wrap } from '../../src/tui/view/line.ts';
import { masked, showText } from '../../src/tui/view/text-field.ts';
import type { Target } from '../target.ts';

const hidden = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b\ufeff]/u;
const call = { method: 'GET', path: '/v1/tenants' };
const keys = {} as Parameters<typeof eventsOf>[1];

export const targets: readonly Target[] = [
  {
    covers: [
      'cli/run/git/changes.ts#parseShortStat',
      'cli/run/git/explain.ts#explainGit',
      'cli/run/git/local-repository.ts#hostedNameFor',
      'cli/run/pull-request.ts#parseGithubRemote',
      'cli/run/pull-request.ts#parseRemote',
    ],
    corpus: [
      ' 2 files changed, 10 insertions(+), 1 deletion(-)',
      "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create",
      "fatal: detected dubious ownership in repository at '/a b'",
      '/home/me/Mein Projekt ü/.git',
      'git@github.com:org/repo.git',
      'https://token@github.example.com:8443/org/repo',
      'ssh://git@ssh.github.com:443/org/repo.git',
    ],
    run: (text: string) => {
      parseShortStat(text);
      assert.ok(explainGit(new GitError(['fetch'], 128, text)) instanceof UserError);
      return { name: hostedNameFor(text), remote: parseGithubRemote(text), url: parseRemote(text) };
    },
    check: ({ name, remote }: { name: string; remote: ReturnType<typeof parseGithubRemote> }) => {
      assert.ok(isRepositoryName(name), name);
      // Credentials of the remote must not reach another URL.
      assert.doesNotMatch(remote?.url ?? '', /@/);
      assert.match(remote?.repo ?? 'a/b', /^[\w.-]+\/[\w.-]+$/);
    },
    maxKiB: 64,
  },
  {
    // A file of a repository.
    covers: [
      'cli/agents/devcontainer.ts#parseDevcontainer',
      'cli/agents/jsonc.ts#toJson',
      'cli/agents/jsonc.ts#parseJsonc',
    ],
    corpus: [`{"build": {"dockerfile": "D", "args": {"A": "\${localEnv:B:c}"}}, /* x */ } // y`, '{"image": "a",}'],
    run: (text: string) => parseDevcontainer(text),
    // The reasons are plain errors, which the command wraps.
    errors: [Error],
  },
  {
    // The output of a container of a base image.
    covers: ['cli/agents/probe-base.ts#parseProbe'],
    corpus: ['has apt-get\nhas git\nnode 24.1.0\nuser node /home/node\nend\n'],
    run: (text: string) => parseProbe('base', text),
  },
  {
    covers: [
      'cli/output.ts#renderJson',
      'lib/json.ts#wellFormed',
      'lib/json.ts#wellFormedJson',
      'cli/output.ts#formatLocalTime',
      'cli/output.ts#formatElapsed',
    ],
    corpus: [JSON.stringify({ Title: 'a\u202eb', Half: '\ud83d', At: '2026-01-02T03:04:05Z', N: [1, null] })],
    input: 'value',
    run: (value: unknown) => {
      formatLocalTime(JSON.stringify(value).slice(0, 200));
      formatElapsed(JSON.stringify(value).slice(0, 200), JSON.stringify(value).slice(1, 200));
      return renderJson(value);
    },
    check: (json: string, value: unknown) => {
      assert.deepEqual(JSON.parse(json), wellFormed(JSON.parse(JSON.stringify(value))));
      assert.doesNotMatch(json.replaceAll('\n', ''), hidden);
    },
    maxGrowth: 400,
    maxKiB: 256,
  },
  {
    covers: ['cli/render-error.ts#renderError', 'cli/server/api-failure.ts#explainApiFailure'],
    corpus: ['invalid version', "error: unknown command 'x'\n(Did you mean y?)"],
    run: (text: string) => {
      const location = { url: 'http://127.0.0.1:4242', tokenSource: text } as unknown as Parameters<
        typeof explainApiFailure
      >[1];
      const errors = [
        new UserError(text, { remedy: text }),
        new ApiError(call, { status: 401, isFromApi: true, message: text }),
        new ConnectionError(call, text, { cause: Object.assign(new Error(text), { code: text }) }),
        new Error(text),
      ];
      const commander = renderError(new CommanderError(2, 'x', text)).text;
      // One for each input, because the time is that of one error.
      const error = errors[text.length % errors.length];
      return commander + renderError(explainApiFailure(error, location, {})).text;
    },
    check: (text: string) => assert.doesNotMatch(text.replaceAll(/[\n\t]/g, ''), hidden),
    maxGrowth: 60,
    maxKiB: 128,
  },
  {
    covers: [
      'cli/server/start/listen-address.ts#parseListenAddress',
      'cli/server/task/create.ts#parseRepoOption',
      'cli/server/environment/variables.ts#parseEnvVar',
      'cli/options.ts#httpUrl',
      'cli/server/start/keep-period.ts#keepPeriod',
    ],
    corpus: ['127.0.0.1:4242', '[::1]:80', 'org/repo:main', 'NAME=VALUE', 'https://a', '/a/../b'],
    run: (text: string) => {
      for (const parse of [
        parseListenAddress,
        parseRepoOption,
        (t: string) => parseEnvVar(t, {}),
        httpUrl,
        keepPeriod,
        integerBetween(1, 9),
      ]) {
        try {
          parse(text);
        } catch (error) {
          if (!(error instanceof UserError || error instanceof InvalidArgumentError)) throw error;
        }
      }
    },
  },
  {
    covers: ['cli/short-ids.ts#shortIds', 'cli/short-ids.ts#pickByPrefix'],
    corpus: ['1b4e28ba-2fa1-41d2-883f-0016d3cca427', '1b4e'],
    run: (text: string) => {
      const ids = [text, `${text}x`, 'a', text.slice(1)];
      const short = shortIds(ids);
      return [ids.map(short), pickByPrefix(ids, (id) => id, text, { kind: 'task', listCommand: 'list' })];
    },
    errors: [UserError],
    maxKiB: 16,
  },
  {
    covers: ['cli/short-ids.ts#pickToRevoke'],
    corpus: ['1b4e28ba-2fa1-41d2-883f-0016d3cca427', '1b4e', ''],
    run: (text: string) => {
      const items = [`${text}x`, text.slice(1)].map((id) => ({ id, Revoked: id.length % 2 === 0 }));
      return pickToRevoke(items, ({ id }) => id, text, { kind: 'key', listCommand: 'list' }).id;
    },
    errors: [UserError],
    maxKiB: 16,
  },
  {
    covers: [
      'lib/version.ts#isNewer',
      'cli/service/outdated.ts#unitOf',
      'cli/service/outdated.ts#describeOutdated',
      'cli/server/turn-remedy.ts#turnRemedy',
    ],
    corpus: [
      '1.2.3-4',
      '0.1.0',
      "the image 'a' is not allowed on this runner",
      'The agent in the image a could not be started: ',
    ],
    run: (text: string) => [
      unitOf(text),
      describeOutdated(text, { installedVersion: '1.2.3', command: null, remedy: text }),
      isNewer(text, '1.2.3'),
      isNewer('1.2.3', text),
      turnRemedy('id', text),
    ],
  },
  {
    // An agent writes these texts, and names its sub-agents.
    covers: ['cli/server/turn/messages.ts#describeEvents', 'cli/server/turn/messages.ts#describeAgent'],
    corpus: ['You: yes\nYou: no', 'You\r\nAgent: done', 'a\u2028b\u0085c'],
    run: (text: string) =>
      describeEvents(
        {
          events: [
            { Event: 'AgentMessage', Data: { MessageID: '', FromAgentID: text, To: [], Message: text, CreatedAt: '' } },
            { Event: 'SubAgentCompletion', Data: { AgentID: 'a', StillRunning: false, CompletionMessage: text } },
          ],
          hasEarlier: false,
        },
        [{ AgentID: 'a', Name: text }],
        'plan42 task show 1 --json',
      ),
    check: (shown: string) => {
      const headings = shown.split(/[\n\r\u0085\u2028\u2029]/).filter((line) => !line.startsWith('  '));
      assert.equal(headings.length, 2, 'a text looks like an event of its own');
      assert.ok(headings.every((line) => /^(?:Sub-agent |\(Earlier messages: plan42 )/.test(line)));
    },
  },
  {
    covers: ['cli/table.ts#renderTable'],
    corpus: ['Fix the bug', '\u001b[1mred\u001b[0m 日本 👩‍👩‍👧'],
    run: (text: string) =>
      renderTable(
        [{ text }, { text: 'x' }],
        [
          { title: 'TITLE', flexible: true, cell: (row) => printableLine(row.text) },
          { title: 'B', cell: () => 'b' },
        ],
        80,
      ),
    check: (table: string) => {
      assert.doesNotMatch(table.replaceAll('\n', ''), hidden);
      assert.equal(table.split('\n').length, 4);
    },
    // Cells come from messages that were cut.
    maxKiB: 64,
  },
  {
    covers: [
      'tui/view/line.ts#span',
      'tui/view/line.ts#wrap',
      'tui/view/line.ts#pad',
      'tui/view/keys.ts#eventsOf',
      'tui/view/text-field.ts#masked',
      'tui/view/text-field.ts#showText',
    ],
    corpus: ['a long text with words', 'https://example.com', '\u001b[A'],
    run: (text: string) => [
      span(text),
      wrap(printableLine(text), 40, 5),
      pad(printableLine(text), 20),
      eventsOf(text, keys),
      masked(text, 20),
      showText(text, text.length, 20),
    ],
    // Errors of servers, which are cut, and pasted text.
    maxKiB: 16,
  },
  {
    covers: ['lib/errors.ts#formatError'],
    corpus: ['a: b'],
    run: (text: string) => formatError(new ApiError(call, { status: 500, isFromApi: false, message: text })),
  },
];
