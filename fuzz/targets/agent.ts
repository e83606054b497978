import { batchLength, logEntry } from '../../src/agent/turn/log-batch.ts';
import { parseRequest, RequestError } from '../../src/agent/turn/request.ts';
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
    covers: ['agent/turn/request.ts#parseRequest'],
    corpus: [request, '{}'],
    run: (text: string) => parseRequest(text),
    errors: [RequestError],
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
