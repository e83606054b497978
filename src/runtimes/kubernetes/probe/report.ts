/** The report of the agent of `doctor` in a pod, see `manifest/start/probe.c`, and what is wrong in it. */
import * as v from 'valibot';
import { formatBytes } from '../../../lib/format-bytes.ts';
import type { PodProblem } from '../../check/pod-check.ts';
import type { Aspect } from '../manifest/openings.ts';

const text = v.optional(v.string());

export const PodReport = v.object({
  probe: v.literal(1),
  /** That of the request, if it arrived. */
  nonce: text,
  /** `ok`, or why they could not be used. */
  token: v.string(),
  entrypoint: text,
  connect: text,
  noNewPrivs: text,
  seccomp: text,
  capabilities: text,
  /** Files of control groups, in both versions. Absent if there is none. */
  memoryMax: text,
  cpuMax: text,
  memoryLimit: text,
  cpuQuota: text,
  cpuPeriod: text,
});
export type PodReport = v.InferOutput<typeof PodReport>;

/** The state that the pod should have. */
export interface Expected {
  nonce: string;
  image: string;
  entrypoint: string;
  noNewPrivileges: boolean;
  /** Undefined if the pod template replaces them. */
  memoryBytes: number | undefined;
  cpus: number | undefined;
  /** The field of the pod template that is the cause if the pod has another state. Undefined if the template has none. */
  causes: Partial<Record<Aspect | 'memory' | 'cpu', string | undefined>>;
}

/** Undefined if the pod has no limit, `null` if its control group could not be read. */
type Limit = number | undefined | null;

// Without a limit, the first version of control groups has the largest number of pages.
const noLimit = 2 ** 62;
/** Control groups round. */
const tolerance = 0.01;

function memoryOf({ memoryMax, memoryLimit }: PodReport): Limit {
  const found = memoryMax ?? memoryLimit;
  if (found === undefined) return null;
  const bytes = Number(found);
  return Number.isFinite(bytes) && bytes < noLimit ? bytes : undefined;
}

function cpusOf({ cpuMax, cpuQuota, cpuPeriod }: PodReport): Limit {
  const [quota, period] = cpuMax?.split(' ') ?? [cpuQuota, cpuPeriod];
  if (quota === undefined || period === undefined) return null;
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined;
}

/** Returns what is as it should be, and what is not. */
export function judgeReport(
  report: PodReport,
  expected: Expected,
): { facts: readonly string[]; problems: readonly PodProblem[] } {
  const facts: string[] = [];
  const problems: PodProblem[] = [];
  const judge = (isGood: boolean, fact: string, reason: string, remedy: string) => {
    if (isGood) facts.push(fact);
    else problems.push({ reason, remedy });
  };
  const remedyFor = (cause: keyof Expected['causes'], otherwise: string) => {
    const field = expected.causes[cause];
    return field === undefined ? otherwise : `Remove ${field} from kubernetes.pod_template.`;
  };
  judge(
    report.nonce === expected.nonce,
    'its request arrived by standard input',
    'its request did not arrive by standard input',
    'Report this bug.',
  );
  judge(
    report.token !== 'ok',
    'it has no service account token',
    'it has the token of a service account',
    remedyFor('token', 'Check the admission webhooks of the cluster: one of them adds it to pods.'),
  );
  if (expected.noNewPrivileges)
    judge(
      report.noNewPrivs === '1',
      'no new privileges',
      'it can gain privileges',
      remedyFor('newPrivileges', 'Check the admission webhooks of the cluster: one of them changes the pod.'),
    );
  judge(
    report.seccomp === '2',
    'a seccomp filter',
    'it has no seccomp filter',
    remedyFor('seccomp', 'Check that the kernel and the container runtime of the node support seccomp.'),
  );
  const ofMemory = { found: memoryOf(report), wanted: expected.memoryBytes, show: formatBytes };
  const ofCpus = { found: cpusOf(report), wanted: expected.cpus, show: String };
  const limits = [
    { ...ofMemory, what: 'memory', unit: ' of memory', cause: 'memory' },
    { ...ofCpus, what: 'CPU', unit: ' CPUs', cause: 'cpu' },
  ] as const;
  for (const { what, unit, found, wanted, show, cause } of limits) {
    if (found === null) continue;
    const isRight = found !== undefined && Math.abs(found - (wanted ?? found)) <= found * tolerance;
    judge(
      isRight,
      `at most ${show(found ?? 0)}${unit}`,
      found === undefined
        ? `its ${what} is not limited`
        : `its limit is ${show(found)}${unit}, not ${show(wanted ?? 0)}`,
      remedyFor(cause, 'Check the control groups of the node, and the admission webhooks of the cluster.'),
    );
  }
  if (report.entrypoint !== undefined)
    judge(
      report.entrypoint === 'ok',
      `${expected.entrypoint} is executable`,
      `its image ${expected.image} has no agent: ${expected.entrypoint}: ${report.entrypoint}`,
      'Use the image of an agent, or set jobs.entrypoint to the program in it.',
    );
  return { facts, problems };
}

/** Limits that the pod does not show. */
export function unreadLimits(report: PodReport): string[] {
  return [...(memoryOf(report) === null ? ['memory'] : []), ...(cpusOf(report) === null ? ['CPUs'] : [])];
}
