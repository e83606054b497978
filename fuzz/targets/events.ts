import * as v from 'valibot';
import { parseCheckpoints } from '../../src/events/checkpoint-file.ts';
import { findRepo, onSameGithub } from '../../src/events/core/choose-task.ts';
import { asksForTurn, readFeedEvent } from '../../src/events/core/feed-event.ts';
import { mergeState } from '../../src/events/core/merge-state.ts';
import { PullRequest } from '../../src/events/core/pull-request.ts';
import { wantedFeeds } from '../../src/events/core/wanted-feeds.ts';
import { EventTask } from '../../src/plan42/event-calls.ts';
import { issueComment, pullRequestChange, review, reviewComment } from '../../test/support/github/events.ts';
import type { Target } from '../target.ts';

const events = [issueComment, reviewComment, review, pullRequestChange].flatMap((make) => [
  make({ id: '1', shape: 'cut' }),
  make({ id: '2', shape: 'whole' }),
]);
const pullRequest = { id: 1005, number: 5, state: 'closed', merged: true, updated_at: '2026-01-02T03:04:05Z' };
const info = { FeatureBranch: 'f', PRID: '1005', PRStatus: 'open', PRStatusUpdatedAt: '2026-01-01T00:00:00Z' };
const task = { TaskId: 't', Version: 1, WorkstreamId: 'w', State: 'Completed', RepoInfo: { 'acme/app': info } };
const checkpoint = { last_event_id: '1', etag: 'e', poll_interval_seconds: 60 };

export const targets: readonly Target[] = [
  {
    covers: ['events/core/feed-event.ts#readFeedEvent'],
    input: 'value',
    corpus: events.map((event) => JSON.stringify(event)),
    run: (value: unknown) => readFeedEvent(value, '/Plan42'),
  },
  {
    covers: ['events/core/feed-event.ts#asksForTurn'],
    corpus: ['please /Plan42', '<!-- event-horizon --> /Plan42', '\n/Plan42\t'],
    run: (text: string) => asksForTurn(text, '/Plan42'),
  },
  {
    covers: [
      'events/core/merge-state.ts#mergeState',
      'events/core/choose-task.ts#findRepo',
      'events/core/choose-task.ts#onSameGithub',
    ],
    input: 'value',
    corpus: [JSON.stringify({ task, pullRequest, repo: 'acme/app', at: '2026-01-02T03:04:05Z', link: 'https://a/b' })],
    run: (value: unknown) => {
      const { task, pullRequest, repo, at, link } = v.parse(Input, value);
      return [mergeState(task, repo, pullRequest, at), findRepo(task, repo), onSameGithub([task], 1005, link)];
    },
    errors: [v.ValiError],
    passes: 3,
  },
  {
    covers: ['events/core/wanted-feeds.ts#wantedFeeds'],
    input: 'value',
    corpus: ['["acme/app", "/", "a/b/c", ""]'],
    run: (value: unknown) => {
      const environments = [{ GithubConnectionId: 'c', Repos: v.parse(v.array(v.string()), value) }];
      const connections = [{ ConnectionID: 'c', Private: true, RunnerID: 'r' }];
      return wantedFeeds({ defaultConnectionId: undefined, connections, environments }, 'r', () => true);
    },
    errors: [v.ValiError],
  },
  {
    covers: ['events/checkpoint-file.ts#parseCheckpoints'],
    corpus: [JSON.stringify({ 'c:acme': { ...checkpoint, handled: ['1'], pending: [] } }), '{"C:Acme":{}}'],
    run: parseCheckpoints,
  },
];

const Input = v.object({
  task: EventTask,
  pullRequest: PullRequest,
  repo: v.string(),
  at: v.string(),
  link: v.string(),
});
