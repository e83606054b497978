/** Judges the pods that `doctor` starts in a cluster. */
import type { Config } from '../config/schema.ts';
import { isWallForAll } from '../jobs/egress/server-only.ts';
import { ExitCode } from '../lib/errors.ts';
import type { PodTrial, TrialResult } from '../runtimes/check/pod-check.ts';
import { type Finding, failed, passed, skipped, warning } from './finding.ts';
import type { TriedPods } from './try-pods.ts';

const subject = 'container';

export function judgePods({ pods: result, images, address }: TriedPods, { runner, jobs, egress }: Config): Finding[] {
  const { refused, pods, server, wall, untried, left } = result;
  if (refused !== undefined)
    return [
      failed(subject, refused.reason, { text: refused.remedy }, ExitCode.runtime),
      skipped(subject, 'not checked: whether a pod starts'),
    ];
  if (pods.length === 0) return [noImage(images)];
  const notChecked = [
    ...(untried.length > 0 ? [`the images ${untried.join(', ')}`] : []),
    'the images of other tasks',
    ...(jobs.maxJobs > 1
      ? [`whether ${jobs.maxJobs} jobs at once (jobs.max_jobs) fit into the quota and the nodes`]
      : []),
    ...(egress.mode === 'off' || wall !== undefined ? [] : ['the wall of jobs whose network is limited']),
    server === undefined ? 'whether pods reach the server' : 'name resolution and certificates in pods',
  ];
  return [
    passed(subject, 'the cluster accepts the Job of a task (dry run)'),
    ...pods.flatMap(judgePod),
    ...judgeServer(address, server, runner.url),
    ...(wall === undefined ? [] : [judgeWall(wall, isWallForAll(egress))]),
    ...left.map((what) =>
      warning(subject, `not everything was removed: ${what}`, { text: 'The cluster removes it in a few minutes.' }),
    ),
    skipped(subject, `not checked: ${notChecked.join('; ')}`),
  ];
}

function judgePod(pod: PodTrial): Finding[] {
  const { image } = pod;
  if (!pod.started) {
    const text = pod.remedy ?? 'Check the nodes and the events of the namespace: kubectl get events';
    return [failed(subject, `a pod of ${image} does not start: ${pod.reason}`, { text }, ExitCode.runtime)];
  }
  const { startMs, node, pull, facts, problems } = pod;
  const where = node === '' ? '' : ` on the node ${node}`;
  const seen = [...(pull === undefined ? [] : [pull]), ...facts].join(', ');
  return [
    passed(subject, `a pod of ${image} started within ${(startMs / 1000).toFixed(1)} s${where}: ${seen}`),
    ...problems.map(({ reason, remedy }) => failed(subject, `in a pod of ${image}: ${reason}`, { text: remedy })),
  ];
}

/** @param isForAll whether all jobs are behind a wall; if not, it may not be needed, so a problem is a warning */
function judgeWall(wall: TrialResult, isForAll: boolean): Finding {
  if (wall.works) return passed(subject, `a pod behind the wall started: ${wall.detail}`);
  const jobs = isForAll ? 'no job' : 'no job with a limited network';
  const problem = isForAll ? failed : warning;
  const text = wall.remedy ?? 'Correct the cause. Such jobs are refused until then.';
  return problem(subject, `${jobs} can run: ${wall.reason}`, { text });
}

function judgeServer(address: TriedPods['address'], server: TriedPods['pods']['server'], { host }: URL): Finding[] {
  if (address?.reason !== undefined)
    return [failed(subject, `agents cannot call the server: ${address.reason}`, { text: address.remedy })];
  if (server === undefined) return [];
  if (server.works) return [passed(subject, `a pod connected to ${host}`)];
  return [
    failed(subject, `a pod cannot connect to ${host}: ${server.reason}`, {
      text: 'Check the network policies of the namespace, and firewalls between the nodes and the server.',
    }),
  ];
}

function noImage(images: readonly string[]): Finding {
  const why = images.length > 0 ? 'there was no time' : 'no image of a job is known yet';
  return warning(subject, `no pod was started: ${why}`, {
    text: 'Name the image of an environment.',
    command: 'plan42 runner doctor --image IMAGE',
  });
}
