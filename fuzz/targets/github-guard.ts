/** The guard of a GitHub: whatever passes is within the repositories and the branch of the task. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Kind, parse, visit } from 'graphql';
import { createGithubGuard } from '../../src/gateway/github-guard/guard.ts';
import { guardedHosts } from '../../src/gateway/github-guard/hosts.ts';
import { packet } from '../../src/gateway/github-guard/pkt-line.ts';
import { PushHeadReader } from '../../src/gateway/github-guard/push-head.ts';
import { parseFullName } from '../../src/gateway/github-guard/rules.ts';
import type { Verdict } from '../../src/gateway/intercept/hooks.ts';
import { guardRules, startGuard, taskBranch } from '../../test/support/github/guarded.ts';
import type { Target } from '../target.ts';

const { review } = startGuard();
const guard = createGithubGuard(guardRules);
const [zero, one] = ['0'.repeat(40), '1'.repeat(40)];
const line = (text: string) => packet(text).toString('latin1');
const push = (...commands: string[]) =>
  `${commands.map((command, n) => line(`${command}${n === 0 ? '\0report-status side-band-64k' : ''}`)).join('')}0000PACK`;
const change = (ref: string) => `${zero} ${one} ${ref}`;
const own = `refs/heads/${taskBranch}`;

interface Pushed {
  verdict: Verdict;
  passed: Buffer | undefined;
}

/** In pieces, so that packets are divided. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const size = Math.max(1, Math.ceil(bytes.length / 7));
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function reviewPush(body: Buffer): Promise<Pushed> {
  const verdict = await guard.review(
    {
      ...{ method: 'POST', host: 'github.com', port: 443, path: '/acme/app.git/git-receive-pack', rawHeaders: [] },
      body: inPieces(body),
    },
    () => Promise.reject(new Error('a push asks nothing')),
  );
  if (verdict.kind === 'respond' || verdict.body === undefined) return { verdict, passed: undefined };
  const chunks: Uint8Array[] = [];
  for await (const chunk of verdict.body) chunks.push(chunk);
  return { verdict, passed: Buffer.concat(chunks) };
}

/** Reads as git's own server does, which accepts more than we do. */
function readAsGit(body: Buffer): { ref: string; next: string }[] {
  const commands: { ref: string; next: string }[] = [];
  for (let at = 0; ; ) {
    const length = Number.parseInt(body.toString('latin1', at, at + 4), 16);
    if (!(length >= 4)) return commands;
    const text = (body.toString('latin1', at + 4, at + length).split('\0')[0] ?? '').replace(/\n$/, '');
    at += length;
    if (text.startsWith('shallow ')) continue;
    const [, next = '', ref = ''] = /^[\da-f]+ ([\da-f]+) (.*)$/is.exec(text) ?? [];
    commands.push({ ref, next });
  }
}

const readable = (name: string | undefined) =>
  name === 'acme/app' || name === 'acme/lib' || name?.startsWith('tools/') === true;

export const targets: readonly Target[] = [
  {
    covers: [
      ...['push-head.ts#PushHeadReader.write', 'report-status.ts#rejectionReport', 'pkt-line.ts#packet'],
      ...['pkt-line.ts#sideBand', 'body.ts#readStart', 'body.ts#drain', 'body.ts#once', 'rules.ts#mayPushRef'],
      ...['refuse.ts#onlyTaskBranch', 'refuse.ts#notOfTask', 'refuse.ts#quote', 'rules.ts#taskRepository'],
    ].map((name) => `gateway/github-guard/${name}`),
    corpus: [
      push(change(own)),
      push(change(own), change('refs/heads/main')),
      push(change(own), change(`${own}-turn-2`)),
      push(`${one} ${zero} ${own}`),
      push(change('refs/tags/v1')),
      `${line(`shallow ${one}`)}${push(change(own))}`,
      `${line('push-cert\0report-status')}${line('certificate version 0.1')}${line(change(own))}${line('push-cert-end')}0000`,
      `${line(`${change(own)}\0report-status push-options`)}0000${line('ci.skip')}0000`,
      '0000',
      line(`${change(own)}\n`),
    ],
    input: 'bytes',
    run: (body: Buffer) => reviewPush(body),
    // The report names each ref, with a reason.
    maxGrowth: 2000,
    check: ({ verdict, passed }: Pushed, body: Buffer) => {
      if (passed === undefined) {
        assert.equal(verdict.kind, 'respond');
        return;
      }
      assert.deepEqual(passed, body, 'the push was changed');
      for (const { ref, next } of readAsGit(body)) {
        assert.ok(ref === own || ref === `${own}-turn-2`, `a push to ${ref} passes`);
        assert.doesNotMatch(next, /^0+$/, `a deletion of ${ref} passes`);
      }
      const whole = new PushHeadReader();
      whole.write(body);
      assert.ok(whole.head !== undefined && !whole.head.isSigned && !whole.head.capabilities.has('push-options'));
    },
  },
  {
    covers: [
      ...[
        '../request-path.ts#parseRequestPath',
        'rules.ts#parseRepository',
        'rules.ts#parseFullName',
        'rules.ts#mayRead',
      ],
      ...['hosts.ts#endpointOf', 'hosts.ts#guardedHosts', 'rest-routes.ts#findWrite', 'rest-routes.ts#isFreeRead'],
      ...['rest-routes.ts#isRepositoryRead', 'search-query.ts#isLimitedSearch', 'refuse.ts#notReadable'],
      ...['refuse.ts#notForAgents', 'body.ts#readJson', 'body.ts#jsonBody'],
    ].map((name) => join('gateway/github-guard', name)),
    maxKiB: 16,
    corpus: [
      'GET api.github.com /repos/acme/app/contents/a%2Fb?ref=main',
      'GET api.github.com /repos/acme/app/../secret',
      'GET api.github.com /search/issues?q=repo:acme/app+label:"a b"+-is:pr',
      'POST api.github.com /repos/acme/app/issues/1/comments',
      'PATCH api.github.com /repos/acme/app/pulls/1',
      'GET github.com /acme/lib.git/info/refs?service=git-upload-pack',
      'GET codeload.github.com /tools/x/tar.gz/main',
      'GET raw.githubusercontent.com /acme/app/%2e%2e/x',
      'POST github.com /acme/app.git/git-upload-pack',
    ],
    run: async (text: string) => {
      const [, method = '', host = '', path = ''] = /^(\S*) (\S*) (.*)$/s.exec(text) ?? [];
      const { message } = await review({ method, host, path, body: method === 'GET' ? undefined : {} });
      return { method, host, path, isPassed: message === undefined };
    },
    maxGrowth: 1000,
    check: ({ method, host, path, isPassed }: Record<string, string> & { isPassed: boolean }) => {
      if (!isPassed) return;
      assert.ok(guardedHosts('github.com').includes(host ?? ''), `another host passes: ${host}`);
      // As another program reads it.
      const url = new URL(`https://${host}${path}`);
      assert.equal(url.pathname, path?.replace(/\?.*/s, ''), 'the path has another reading');
      const [first = '', second = '', third = ''] = url.pathname.slice(1).split('/');
      const isApi = host === 'api.github.com';
      if (isApi && (first === 'search' || first === 'repositories')) return;
      if (isApi && first !== 'repos') assert.match(method ?? '', /^(?:GET|HEAD)$/);
      else assert.ok(readable(parseFullName(isApi ? `${second}/${third}` : `${first}/${second}`)), `${path} passes`);
    },
  },
  {
    covers: [
      ...[
        'graphql/check-document.ts#checkDocument',
        'graphql/values.ts#namedValues',
        'graphql/values.ts#readVariables',
      ],
      ...['review-rest.ts#isComment', 'review-rest.ts#isOwnHead', 'rules.ts#isTaskBranch'],
    ].map((name) => `gateway/github-guard/${name}`),
    maxKiB: 64,
    corpus: [
      '{"query":"query($n:String=\\"app\\"){repository(owner:\\"acme\\",name:$n){id parent{...f}}} fragment f on Repository{name}","variables":{"n":"app"}}',
      '{"query":"mutation($i:X!){createPullRequest(input:$i){pullRequest{id}}}","variables":{"i":{"repositoryId":"R_app","headRefName":"main"}}}',
      '{"query":"mutation{addPullRequestReview(input:{pullRequestId:\\"PR_own\\",event:APPROVE}){clientMutationId}}"}',
      '{"query":"{node(id:\\"R_secret\\"){...on Repository{name}} search(query:\\"repo:acme/app\\",type:ISSUE){issueCount}}"}',
    ],
    input: 'value',
    run: async (body: unknown) => await review({ path: '/graphql', body: JSON.stringify(body) ?? '' }),
    maxGrowth: 1000,
    check: ({ sent }: { sent: string | undefined }) => {
      if (sent === undefined) return;
      const { query } = JSON.parse(sent) as { query: string };
      assert.doesNotMatch(query, /event: APPROVE|id: "R_secret"/);
      visit(parse(query), {
        Field: ({ name, arguments: given = [] }) => {
          if (name.value !== 'repository' || given.length === 0) return;
          const [owner, repository] = ['owner', 'name'].map(
            (key) => given.find((arg) => arg.name.value === key)?.value,
          );
          if (owner?.kind !== Kind.STRING || repository?.kind !== Kind.STRING) return;
          assert.ok(readable(parseFullName(`${owner.value}/${repository.value}`)), `${repository.value} passes`);
        },
      });
    },
  },
];
