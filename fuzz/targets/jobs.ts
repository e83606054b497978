import assert from 'node:assert/strict';
import * as v from 'valibot';
import { explainConnection } from '../../src/checks/explain-connection.ts';
import { checkRunnerToken, checkServerUrl } from '../../src/checks/runner-settings.ts';
import { buildAgentInput } from '../../src/jobs/agent-input.ts';
import { agentServerUrl } from '../../src/jobs/agent-server.ts';
import { githubRepos } from '../../src/jobs/github-repos.ts';
import { hasForeignName, isPinnedByOthers } from '../../src/jobs/images/image-garbage-plan.ts';
import { isPin } from '../../src/jobs/images/image-pin.ts';
import { formatJobId, isJobId, isJobIdPrefix, matchingJobs, parseJobId } from '../../src/jobs/job-id.ts';
import { mirrorPath } from '../../src/jobs/mirrors/mirror-path.ts';
import { describeExit, describeFailure } from '../../src/jobs/outcome.ts';
import type { JobRecord } from '../../src/jobs/record.ts';
import { parseRequest } from '../../src/jobs/recover.ts';
import { UserError } from '../../src/lib/errors.ts';
import { InvalidImageError, imageProblem, parseImageReference, sameImageName } from '../../src/lib/image-reference.ts';
import { JsonError } from '../../src/lib/json.ts';
import { parseReached } from '../../src/limits/files.ts';
import { lastErrorLine } from '../../src/runtimes/engine/client.ts';
import { parseSize, sumOfDu } from '../../src/runtimes/engine/disk-usage.ts';
import { inspectContainer } from '../../src/runtimes/engine/inspect.ts';
import { isImageAllowed } from '../../src/runtimes/image-policy.ts';
import { interfaceBytesOf } from '../../src/runtimes/network-counters.ts';
import { RuntimeError } from '../../src/runtimes/runtime.ts';
import { parsePrintedService } from '../../src/service/launchctl-print.ts';
import { startFailure } from '../../src/service/service-manager.ts';
import { runnerService } from '../../src/service/services.ts';
import { parseUnitState, statusOfUnit } from '../../src/service/systemd-state.ts';
import { logFileOf } from '../../src/shim/job-log.ts';
import { listSockets } from '../../src/wall/mounted-sockets.ts';
import { readRefusal } from '../../src/wall/refusal.ts';
import type { Target } from '../target.ts';

const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const jobId = formatJobId(id, 1);
const request = JSON.stringify({
  Type: 'InvokeAgentRequest',
  Turn: { TaskId: id, TurnIndex: 1 },
  Task: { Title: 't' },
  Big: 12345678901234567890n.toString(),
});
const state =
  '{"Running":true,"Pid":1,"ExitCode":0,"StartedAt":"2026-01-02T03:04:05Z","FinishedAt":"0001-01-01T00:00:00Z"}';
const record = { jobId, taskId: id, turnIndex: 1, image: 'a' } as JobRecord;

export const targets: readonly Target[] = [
  {
    covers: ['jobs/agent-input.ts#buildAgentInput', 'jobs/recover.ts#parseRequest'],
    corpus: [request, '{"turn":1,"TURN":2}'],
    run: (text: string) => {
      parseRequest(text);
      return buildAgentInput(text, { turn: {} } as Parameters<typeof buildAgentInput>[1]);
    },
    // An accepted request is a JSON object.
    errors: [Error],
  },
  {
    covers: [
      'jobs/job-id.ts#parseJobId',
      'jobs/job-id.ts#isJobId',
      'jobs/job-id.ts#isJobIdPrefix',
      'jobs/job-id.ts#matchingJobs',
    ],
    corpus: [jobId, jobId.slice(0, 12)],
    run: (text: string) => [isJobId(text) && parseJobId(text), isJobIdPrefix(text), matchingJobs([jobId, text], text)],
  },
  {
    covers: ['jobs/outcome.ts#describeExit', 'jobs/outcome.ts#describeFailure'],
    corpus: ['exec format error', 'no space left on device...'],
    run: (text: string) => {
      const exit = { exitCode: 127, endedAt: new Date(0), outOfMemory: false, startError: text };
      return [describeExit(record, exit, 'host'), describeFailure(new Error(text), 'host')].join('\n');
    },
  },
  {
    covers: ['runtimes/engine/inspect.ts#inspectContainer'],
    corpus: [`[${state},{"Type":"json-file"}]`],
    run: async (stdout: string) =>
      inspectContainer(() => Promise.resolve({ exitCode: 0, stdout, stderr: '' } as never), jobId).then(
        (container) => ({ ...container }),
      ),
    errors: [v.ValiError, JsonError, RuntimeError],
    maxKiB: 64,
  },
  {
    covers: [
      'runtimes/engine/disk-usage.ts#parseSize',
      'runtimes/engine/disk-usage.ts#sumOfDu',
      'runtimes/network-counters.ts#interfaceBytesOf',
      'limits/files.ts#parseReached',
    ],
    corpus: ['1.094GB', '12\t/a\n4\t/b\n', '  eth0: 1 2 3 4 5 6 7 8 9 10\n    lo: 5 5\n', 'max_duration_3001,5_3000'],
    run: (text: string) => [parseReached(text), parseSize(text), sumOfDu(text), interfaceBytesOf(text)].slice(1),
    check: (sizes: unknown) => assert.ok(Array.isArray(sizes) && !sizes.some((size) => Number.isNaN(size))),
  },
  {
    covers: ['runtimes/engine/client.ts#lastErrorLine'],
    corpus: ['Error response from daemon: x\nError: y\n', 'a\nb'],
    run: (text: string) =>
      [lastErrorLine({ stdout: text, stderr: '' }), lastErrorLine({ stdout: '', stderr: text })].join(''),
    check: (text: string) => assert.ok(text.length < 5000),
  },
  {
    covers: [
      'lib/image-reference.ts#parseImageReference',
      'lib/image-reference.ts#imageProblem',
      'lib/image-parts.ts#splitImage',
    ],
    corpus: [`ghcr.io:443/acme/agent:v1@sha256:${'0'.repeat(64)}`, 'localhost/a__b-c', 'python:3.14'],
    run: (text: string) => [imageProblem(text), parseImageReference(text)],
    errors: [InvalidImageError],
  },
  {
    covers: ['jobs/github-repos.ts#githubRepos', 'jobs/mirrors/mirror-path.ts#mirrorPath'],
    corpus: ['org/repo', '../../etc', 'org/repo.git'],
    run: (text: string) =>
      githubRepos({ Environment: { Repos: [text, text.slice(0, 20)] }, RepoURLs: { [text]: '/' } }).map((repo) =>
        mirrorPath(new URL('https://a'), repo),
      ),
    check: (paths: string[]) => assert.ok(paths.every((path) => /^a\/[^/]+\/[^/]+\.git$/.test(path))),
  },
  {
    covers: ['jobs/agent-server.ts#agentServerUrl'],
    corpus: [`p42a_x.${Buffer.from('{"iss":"https://a"}').toString('base64url')}.y`],
    run: (text: string) => agentServerUrl(text, new URL('https://b')).href,
  },
  {
    covers: [
      'config/image-pattern.ts#parseImagePattern',
      'runtimes/image-policy.ts#isImageAllowed',
      'lib/image-reference.ts#sameImageName',
    ],
    corpus: ['ghcr.io/acme/*:v?', 'registry.example.com/*', '*', 'python:*'],
    run: (text: string) => [
      isImageAllowed(text, ['*', 'ghcr.io/*a*b*c*']),
      isImageAllowed('ghcr.io/acme/agent:v1', [text]),
      sameImageName(text, 'docker.io/library/python'),
    ],
    // An image that a message names is checked before, and patterns are the user's.
    maxKiB: 1,
  },
  {
    covers: [
      'service/systemd-state.ts#parseUnitState',
      'service/launchctl-print.ts#parsePrintedService',
      'service/service-manager.ts#startFailure',
    ],
    corpus: [
      'LoadState=loaded\nMainPID=5\nExecMainStartTimestamp=Sun 2026-11-22 20:21:08 UTC\n',
      'x = {\n\tstate = running\n\tpid = 12\n\tlast exit code = 1\n}',
    ],
    run: (text: string) => [
      statusOfUnit(parseUnitState(text)),
      parsePrintedService(text),
      startFailure(runnerService, { exitCode: 1, detail: text }).message,
    ],
    maxKiB: 64,
  },
  {
    covers: [
      'checks/explain-connection.ts#explainConnection',
      'checks/runner-settings.ts#checkRunnerToken',
      'checks/runner-settings.ts#checkServerUrl',
    ],
    corpus: ['ECONNREFUSED', 'a.example.com, .b *', 'https://a.example.com', 'p42r_a.b.c'],
    run: (text: string) => {
      const error = Object.assign(new Error(text), { code: text });
      const env = { https_proxy: text, no_proxy: text };
      const finding = explainConnection(error, 'runner.url', new URL('https://api.example.com'), env);
      checkServerUrl(text);
      checkRunnerToken(text);
      return finding.message;
    },
    errors: [UserError],
    maxKiB: 256,
  },
  {
    covers: [
      'jobs/images/image-pin.ts#isPin',
      'jobs/images/image-garbage-plan.ts#isPinnedByOthers',
      'jobs/images/image-garbage-plan.ts#hasForeignName',
      'shim/job-log.ts#logFileOf',
    ],
    corpus: [`plan42-pin/${id}:x`, 'python:3.14', '/a/log.older'],
    run: (text: string) => {
      const image = { id: text, names: [text, text], sizeBytes: 1 };
      const known = { image, used: { id: text, references: [text, 'python'] } } as unknown as Parameters<
        typeof hasForeignName
      >[0];
      return [isPin(text), isPinnedByOthers({ image }, id), hasForeignName(known, id), logFileOf(text)];
    },
  },
  {
    covers: ['wall/refusal.ts#readRefusal', 'wall/check-settings.ts#listSockets'],
    corpus: ['plan42-wall: refused: x\n', 'plan42-wall: cannot start /x: no', '0: 2 0 1 1 01 9 /run/a\n'],
    run: (text: string) => [readRefusal(text, 125), readRefusal(text, 127), listSockets(text)],
    maxKiB: 128,
    passes: 3,
  },
];
