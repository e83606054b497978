import { commitMessage } from '../../src/agent/commit-message.ts';
import { TurnFailure } from '../../src/agent/failures.ts';
import { featureBranchName } from '../../src/agent/git/branch-name.ts';
import { explainGitError, isTransientGitError, lastReason } from '../../src/agent/git/explain.ts';
import { GitError } from '../../src/agent/git/git.ts';
import { folderNames, locate } from '../../src/agent/git/locate.ts';
import { inFiles } from '../../src/agent/git/push.ts';
import { replaceSection, titleIn } from '../../src/agent/github/pull-request-body.ts';
import { parseAnswer } from '../../src/agent/prompt/answers.ts';
import { openFeedback } from '../../src/agent/prompt/feedback.ts';
import { followUpPrompt, repeatedPrompt, withMessages } from '../../src/agent/prompt/messages.ts';
import { buildPrompt } from '../../src/agent/prompt/prompt.ts';
import { batchLength, logEntry } from '../../src/agent/turn/log-batch.ts';
import { createRedactor } from '../../src/agent/turn/redactor.ts';
import { parseRequest, RequestError } from '../../src/agent/turn/request.ts';
import { shorten } from '../../src/agent/turn/turn-reporter.ts';
import { fileName } from '../../src/lib/file-name.ts';
import type { Target } from '../target.ts';

const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const request = JSON.stringify({
  Task: { Title: 't', RepoInfo: { 'a/b': { FeatureBranch: 'f', PRNumber: 1 } } },
  Turn: { TenantId: id, TaskId: id, TurnIndex: 1, Version: 1, Prompt: 'p' },
  Environment: { Repos: ['a/b'], EnvVars: [{ Name: 'A', Value: 'b', IsSecret: true }] },
  AgentToken: 'p42a_a.b.c',
  FeedBack: { 'a/b': [{ ID: 'i', IsResolved: false, Comments: [{ User: 'u', Body: 'b', Path: 'p', StartLine: 1 }] }] },
});

export const targets: readonly Target[] = [
  {
    covers: ['agent/prompt/prompt.ts#buildPrompt', 'agent/turn/request.ts#parseRequest'],
    corpus: [request, '{}'],
    run: (text: string) => {
      const parsed = parseRequest(text);
      return [parsed, buildPrompt({ ...parsed, attachments: parsed.fileIds }, [], openFeedback(parsed.feedback))];
    },
    errors: [RequestError],
  },
  {
    covers: [
      'agent/prompt/messages.ts#followUpPrompt',
      'agent/prompt/messages.ts#repeatedPrompt',
      'agent/prompt/messages.ts#withMessages',
    ],
    corpus: ['Use "x" instead.', ' \n'],
    run: (text: string) => {
      const prompts = [withMessages(text, [text]), repeatedPrompt([text], { prompt: text, answer: text })];
      return [followUpPrompt([text]), ...prompts];
    },
    check: (prompts: string[]) => {
      if (prompts.some((prompt) => prompt.trim() === '')) throw new Error('no prompt');
    },
  },
  {
    covers: ['agent/turn/turn-reporter.ts#shorten'],
    corpus: ['é'.repeat(50), '😀'],
    run: (text: string) => shorten(text, 50),
    check: (text: string) => {
      // A part of a character at the end becomes a replacement, of three bytes.
      if (Buffer.byteLength(text) > 50 + 6) throw new Error('too long');
    },
  },
  {
    covers: ['agent/git/branch-name.ts#featureBranchName'],
    corpus: ['Fix the Größe of "x"', '---', 'é'.repeat(50)],
    run: (title: string) => featureBranchName(title, id),
    check: (name: string) => {
      if (!/^plan42\/(?:[a-z0-9]+-)*1b4e28ba$/.test(name)) throw new Error(`invalid branch: ${name}`);
    },
  },
  {
    covers: ['agent/commit-message.ts#commitMessage'],
    corpus: ['# not a comment\n\nCo-authored-by: x'],
    run: (text: string) =>
      commitMessage({ title: text, prompt: text, taskId: id, turnIndex: 1 }, { summary: text, agent: text }),
  },
  {
    covers: [
      'agent/git/explain.ts#explainGitError',
      'agent/git/explain.ts#isTransientGitError',
      'agent/git/explain.ts#lastReason',
    ],
    corpus: [
      'fatal: unable to access: The requested URL returned error: 403',
      'remote: error: GH006: Protected branch update failed for refs/heads/main.',
      'remote: error: File big.bin is 123.00 MB; this exceeds GitHub',
    ],
    run: (output: string) => {
      const error = new GitError(['push'], 1, output);
      const action = {
        doing: 'clone',
        repo: 'a/b',
        url: 'https://a.example/',
        isOnGithub: true,
        log: () => {},
      } as const;
      return [explainGitError(error, action), isTransientGitError(error), lastReason(output)];
    },
    passes: 4,
  },
  {
    covers: ['agent/git/locate.ts#locate', 'agent/git/locate.ts#folderNames'],
    corpus: ['a/b', 'a/..', '-a/b', 'a/.git'],
    run: (name: string) => {
      const parsed = parseRequest(request);
      const { url } = locate(name, parsed, 'https://server.example');
      locate('a/b', { ...parsed, repoUrls: { 'a/b': name } }, 'https://server.example');
      const folder = folderNames([name]).get(name) ?? '';
      if (/^\.{0,2}$|[/\0]/.test(folder)) throw new Error(`outside of the workspace: ${folder}`);
      return url;
    },
    errors: [TurnFailure],
  },
  {
    covers: ['lib/file-name.ts#fileName'],
    corpus: ['a.txt', '../..', 'a/b\\c', '\u202Etxt.exe', 'é'.repeat(200)],
    run: fileName,
    check: (name: string) => {
      if (/^\.*$|[/\\\0]/.test(name) || Buffer.byteLength(name) > 200) throw new Error(`not a name: ${name}`);
    },
  },
  {
    covers: ['agent/git/push.ts#inFiles'],
    corpus: ['a\nb'],
    run: (text: string) => inFiles(text.split('\n')),
  },
  {
    covers: ['agent/github/pull-request-body.ts#replaceSection', 'agent/github/pull-request-body.ts#titleIn'],
    corpus: [replaceSection('', 'summary', 'title'), `before\n${replaceSection('', 'a', 'b')}\nafter`],
    run: (body: string) => [replaceSection(body, body, 'title'), titleIn(body) ?? ''],
    check: ([body]: [string], input: string) => {
      if (input.trim() === '' && titleIn(body) !== 'title') throw new Error('the title is lost');
    },
  },
  {
    covers: ['agent/prompt/answers.ts#parseAnswer'],
    corpus: ['Summary\n\n### Reply 1\n\nDone.\n\n### Reply 2\nNo.', '###### Reply 999999\n'.repeat(20)],
    run: (text: string) => {
      const { summary, replies } = parseAnswer(text);
      return [summary, ...replies.values()];
    },
  },
  {
    covers: ['agent/turn/redactor.ts#createRedactor'],
    corpus: ['a secret-value-1 b', 'ghp_abc'],
    run: (text: string) => createRedactor(['secret-value-1', text.slice(0, 20)])(`x secret-value-1 ${text}`),
    check: (clean: string) => {
      if (clean.includes('secret-value-1')) throw new Error('a secret is left');
    },
  },
  {
    covers: ['agent/turn/log-batch.ts#logEntry'],
    corpus: ['a line', '€'.repeat(100_001)],
    run: (text: string) => batchLength([logEntry(text)]),
    check: (length: number) => {
      if (length !== 1) throw new Error('an entry does not fit into an upload');
    },
  },
];
