/** The last words of the program `init`, if the wall does not stand or the agent's program cannot be started. */
import { readLogEnd } from '../shim/job-log.ts';
import type { JobPaths } from '../shim/shim.ts';

export interface Refusal {
  /** A clause without its full stop. */
  reason: string;
  remedy?: string;
}

const refusedCode = 125;
const notStartedCodes = new Set([126, 127]);
const maxTailBytes = 128 << 10;
const doctor = 'Run "plan42 runner doctor".';

/** By the beginning of the reason. */
const remedies: [beginning: string, remedy: string][] = [
  [
    'cannot connect to the egress gateway: permission denied',
    'If this machine has SELinux, allow containers to connect to the runner: see docs/security.md.',
  ],
  [
    'the pod reaches ',
    'Use a network of the cluster that enforces NetworkPolicies for pods and nodes, or set egress.mode = "off".',
  ],
  ['cannot get the limits of the job', 'Set kubernetes.helper_image to the image of this version of the runner.'],
  ['the pod has more than one network', 'Remove the other networks from kubernetes.pod_template.'],
  ['the container has a capability', 'Remove it from jobs.capabilities, and from the configuration of the engine.'],
  ['processes of the container may gain privileges', 'Set jobs.no_new_privileges = true.'],
  ['the container has the network interface', 'Remove the network from the configuration of the engine.'],
  [
    'a program outside of the container listens at the socket',
    'Remove the folder of the socket from jobs.mounts, or stop the program.',
  ],
  ['a mounted folder has too many files', 'Mount a smaller folder by jobs.mounts.'],
  ['cannot search a mounted folder', 'Remove the folder from jobs.mounts, or let the agents’ user read it.'],
  ['the container has the socket', 'Remove it from jobs.mounts, and from the configuration of the engine.'],
];

/**
 * Why the agent never ran, if that is so. An agent can print such a line and exit with such a code itself: then its turn has
 * a wrong reason, and nothing else.
 */
export async function findRefusal(job: JobPaths, exitCode: number): Promise<Refusal | undefined> {
  if (exitCode !== refusedCode && !notStartedCodes.has(exitCode)) return undefined;
  return readRefusal((await readLogEnd(job.logFile, maxTailBytes)).toString('utf8'), exitCode);
}

/** As {@link findRefusal}, from the end of the log. */
export function readRefusal(log: string, exitCode: number): Refusal | undefined {
  const word = exitCode === refusedCode ? 'refused: ' : 'cannot start ';
  const line = log.split('\n').findLast((each) => each.startsWith('plan42-wall: '));
  if (!line?.startsWith(`plan42-wall: ${word}`)) return undefined;
  const text = line.slice(`plan42-wall: ${word}`.length).trim();
  if (exitCode !== refusedCode) return { reason: text };
  const remedy = remedies.find(([beginning]) => text.startsWith(beginning))?.[1] ?? doctor;
  return { reason: `the wall around its network does not stand: ${text}`, remedy };
}
