/**
 * The date jumps: a user sets it, a machine without a battery starts in 1970, a laptop sleeps. So durations are measured
 * with the monotonic clock, everything reads its clocks through `src/lib/clock.ts`, and only these files ask for the date.
 */
import type { Finding } from './marker-words.ts';

const clockFile = 'src/lib/clock.ts';

/** Why a file may know the date. It decides by an age only if no other clock knows the age. */
const mayKnowTheDate: Readonly<Record<string, string>> = {
  'src/agent/turn/log-batch.ts': 'timestamps of log entries',
  'src/agent/turn/turn-reporter.ts': 'the end of a turn is a date',
  'src/checks/check.ts': 'doctor compares the date with the server, and with the end of the token',
  'src/checks/gateway-trials.ts': 'certificates have dates',
  'src/cli/output.ts': 'shows ages',
  'src/cli/runner-main.ts': 'timestamps of log lines',
  'src/cli/runner/config/set.ts': 'the end of a token is a date',
  'src/cli/runner/doctor/doctor.ts': 'doctor compares the date with the server, and with the end of the token',
  'src/cli/runner/job/prune.ts': 'files have dates, and the command has no earlier look at them',
  'src/cli/runner/status-text.ts': 'the end of a token is a date',
  'src/cli/server/token/list.ts': 'the end of a token is a date',
  'src/events/event-queue.ts': 'GitHub says until when a rate limit holds',
  'src/events/feed.ts': 'GitHub says until when a rate limit holds; a time that people see',
  'src/gateway/models/model-guard.ts': 'times of calls, which people see',
  'src/gateway/pod/pod-gateway.ts': 'numbers the containers of a pod, none of which knows the one before',
  'src/gateway/recorder.ts': 'times that people see',
  'src/github/errors.ts': 'tells people when to try again',
  'src/github/failure.ts': 'responses without a Date header',
  'src/jobs/claims/restore-job.ts': 'times in records',
  'src/jobs/credentials/broker-of-job.ts': 'certificates have dates',
  'src/jobs/finish-job.ts': 'times in records',
  'src/jobs/images/image-usage.ts': 'dates of files, to sort them',
  'src/jobs/mirrors/mirrors.ts': 'dates of files, to sort them',
  'src/jobs/recover.ts': 'times in records',
  'src/jobs/store.ts': 'dates of files',
  'src/jobs/update-record.ts': 'times in records',
  'src/lib/date-trust.ts': 'decides whether ages by the date count',
  'src/lib/logger.ts': 'timestamps of log lines',
  'src/lib/standstill.ts': 'only the date may show that a virtual machine was paused; a jump must be harmless',
  'src/limits/pod-warden.ts': 'a time that the gateway before this one recorded, and that a runner reads',
  'src/plan42/errors.ts': 'a Retry-After that is a date; how wrong the clock is',
  'src/runner/expired-token.ts': 'the end of a token is a date',
  'src/runner/health.ts': 'times that people see',
  'src/runner/housekeeping.ts': 'files have dates',
  'src/runner/messages/incomplete-lists.ts': 'times that people see',
  'src/runner/messages/invoke-agent.ts': 'times in records',
  'src/runner/service.ts': 'times that people see',
  'src/runner/token-watch.ts': 'the end of a token is a date',
  'src/runtimes/apple/apple.ts': 'times in records',
  'src/runtimes/engine/engine.ts': 'times in records',
  'src/runtimes/kubernetes/start-job.ts': 'times in records',
  'src/runtimes/kubernetes/wait-for-job.ts': 'a time that a runner recorded before this one',
  'src/runtimes/kubernetes/walled/wait-behind-wall.ts': 'a time that a gateway recorded',
  'src/server/core/first-start.ts': 'tokens have dates',
  'src/server/core/health.ts': 'times in records',
  'src/server/core/invocation.ts': 'tokens have dates',
  'src/server/core/queues/broker.ts': 'times in records',
  'src/server/core/retention.ts': 'times in records; a jump of the date is detected',
  'src/server/core/token-ends.ts': 'the end of a token is a date',
  'src/server/core/turn-network.ts': 'timestamps of log entries',
  'src/server/core/turns.ts': 'times in records',
  'src/server/core/versioned.ts': 'times in records',
  'src/server/routes/files.ts': 'the lifetime of a URL',
  'src/server/http/access.ts': 'the end of a token is a date',
  'src/server/routes/messages.ts': 'times in records',
  'src/server/routes/provider-usage.ts': 'times in records',
  'src/server/http/dispatch.ts': 'the end of a token is a date',
  'src/server/core/access-keys.ts': 'keys have dates',
  'src/server/http/signed-requests.ts': 'signatures have dates, which they are valid around',
  'src/server/page/sessions.ts': 'the end of a session is a date',
  'src/server/page/sign-in-links.ts': 'people see when a link ends',
  'src/server/restore.ts': 'a folder name that people see',
  'src/server/routes/page.ts': 'the page shows ages by the server’s date',
  'src/server/routes/page-tasks.ts': 'times that people see',
  'src/server/routes/runner-tokens.ts': 'tokens have dates',
  'src/runtimes/kubernetes/explain-exit.ts': 'times in records',
  'src/runtimes/kubernetes/kubernetes.ts': 'times in records',
  'src/runtimes/kubernetes/replicas/restore-marker.ts': 'times in records',
  'src/runtimes/kubernetes/replicas/session.ts': 'times in Leases, which people read',
  'src/shim/wait.ts': 'times in records',
  'src/tui/effects/validate.ts': 'the probe of the server compares the date with the server’s',
  'src/web/view/hooks.ts': 'the day of the user',
  'src/web/view/parts.tsx': 'shows ages',
};

const reads: readonly [pattern: RegExp, remedy: string][] = [
  [
    /\bDate\.now\b|\bnew Date\(\)/,
    'systemClock.now() of lib/clock.ts if it is about a duration, else systemClock.date()',
  ],
  [/\bperformance\b\s*\.\s*now\b|\bhrtime\b|perf_hooks/, 'systemClock.now() of lib/clock.ts'],
];
const date: (typeof reads)[number] = [
  /[cC]lock\.date\b|\{[^{}]*\bdate\b[^{}]*\}(?:: \w+)? = [\w.#]*[cC]lock\b/,
  'clock.now() if it is about a duration; else add the file to scripts/lint/clock-reads.ts, with the reason',
];

export function findClockReads(file: string, source: string): Finding[] {
  if (!/^src\/.*(?<!\.test)\.tsx?$/.test(file) || file === clockFile) return [];
  const mayKnow = file in mayKnowTheDate;
  const forbidden = mayKnow ? reads : [...reads, date];
  const found = source.split('\n').flatMap((text, index) => {
    if (/^\s*(\/\/|\/?\*)/.test(text)) return [];
    return forbidden.flatMap(([pattern, remedy]) => {
      const match = pattern.exec(text)?.[0];
      return match === undefined ? [] : [{ line: index + 1, found: match, remedy }];
    });
  });
  if (!mayKnow || date[0].test(source)) return found;
  return [...found, { line: 1, found: 'no use of the date', remedy: 'no entry for it in scripts/lint/clock-reads.ts' }];
}
