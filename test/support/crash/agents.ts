import { setTimeout as delay } from 'node:timers/promises';
import type { TestControlPlane } from '../control-plane.ts';
import { startTestServer } from '../http-server.ts';
import { getTurn, jobIdOf } from '../tasks.ts';

/** How an agent exits: with a code, after finishing its turn or not, or by a signal from outside. */
export type AgentEnd = { kind: 'exit'; code: number } | { kind: 'finish'; code: number } | { kind: 'signal' };

export interface AgentPlan {
  key: string;
  lines: number;
  linePauseMs: number;
  end: AgentEnd;
  /** Exits with its code at SIGTERM, which it ignores otherwise. */
  endsOnTerm?: boolean;
}

export interface PlannedJob {
  plan: AgentPlan;
  jobId: string;
  taskId: string;
}

/** Receives reports from the agents themselves, independently of the runner. */
export interface AgentDesk extends AsyncDisposable {
  /** The number of starts by key. */
  readonly starts: ReadonlyMap<string, number>;
  /** The maximum number of agents that ran at the same time. */
  readonly mostAtWork: number;
  /** Creates a task whose agent follows the plan. */
  start(plan: AgentPlan, image: string): Promise<PlannedJob>;
  /** Called with the agents' reports: `start`, `end`. */
  onCall: (what: string, key: string) => unknown;
}

export interface DeskOptions {
  plane: TestControlPlane;
  /** Kills the agent of a job from outside; undefined if the agent does that itself. */
  killAgent: ((jobId: string) => Promise<unknown>) | undefined;
  /** How agents reach a port of this process. Default: on loopback. */
  addressOf?: ((port: number) => Promise<string>) | undefined;
}

export async function startAgentDesk({ plane, killAgent, addressOf }: DeskOptions): Promise<AgentDesk> {
  const starts = new Map<string, number>();
  const started = new Set<string>();
  const atWork = new Set<string>();
  const tasks = new Map<string, PromiseWithResolvers<string>>();
  let mostAtWork = 0;
  const taskOf = (key: string) => {
    const task = tasks.get(key) ?? Promise.withResolvers<string>();
    tasks.set(key, task);
    return task;
  };
  const http = await startTestServer(async (response, { url }) => {
    const [, what = '', key = '', run = ''] = url.split('/');
    // A report is repeated if its response was lost.
    if (what === 'start' && !started.has(run)) {
      started.add(run);
      starts.set(key, (starts.get(key) ?? 0) + 1);
      mostAtWork = Math.max(mostAtWork, atWork.add(key).size);
    }
    if (what === 'end') atWork.delete(key);
    if (what === 'finish') await finishTurn(plane, await taskOf(key).promise);
    if (what === 'kill') void killAgent?.(jobIdOf(await taskOf(key).promise));
    response.end('ok');
    desk.onCall(what, key);
  });
  const address = (await addressOf?.(http.port)) ?? `127.0.0.1:${http.port}`;
  const desk: AgentDesk = {
    starts,
    get mostAtWork() {
      return mostAtWork;
    },
    start: async (plan, image) => {
      const EnvironmentId = await plane.newEnvironment({ DockerImage: image });
      const Prompt = `@@${agentScript(plan, address, killAgent === undefined)}@@`;
      const taskId = await plane.newTask({ EnvironmentId, Prompt });
      taskOf(plan.key).resolve(taskId);
      return { plan, taskId, jobId: jobIdOf(taskId) };
    },
    onCall: () => {},
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
  return desk;
}

function agentScript(
  { key, lines, linePauseMs, end, endsOnTerm }: AgentPlan,
  address: string,
  killsItself: boolean,
): string {
  const report = (what: string) =>
    `for try in 1 2 3 4; do busybox timeout 15 busybox wget -q -O /dev/null http://${address}/${what}/${key}/$run && break; [ $try != 4 ] || exit 99; done`;
  const pause = linePauseMs === 0 ? '' : `sleep ${linePauseMs / 1000}; `;
  const print = `i=1; while [ $i -le ${lines} ]; do echo line $i; i=$((i+1)); ${pause}done`;
  const trap = endsOnTerm ? `trap 'exit ${exitCodeOf(end)}' TERM` : 'true';
  return [
    trap,
    'run=$(cat /proc/sys/kernel/random/uuid)',
    report('start'),
    print,
    report('end'),
    ...lastWords(end, report, killsItself),
  ].join('; ');
}

export function exitCodeOf(end: AgentEnd): number {
  return end.kind === 'signal' ? 137 : end.code;
}

function lastWords(end: AgentEnd, report: (what: string) => string, killsItself: boolean): string[] {
  if (end.kind === 'exit') return [`exit ${end.code}`];
  if (end.kind === 'finish') return [report('finish'), `exit ${end.code}`];
  return killsItself ? ['kill -9 $$'] : [report('kill'), 'sleep 60'];
}

/** Finishes a turn as an agent does. */
async function finishTurn(plane: TestControlPlane, taskId: string): Promise<void> {
  for (;;) {
    const { Version, TurnIndex } = await getTurn(plane, taskId);
    const body = { Status: 'Completed', OutputMessage: 'done', CompletedAt: new Date().toISOString() };
    const { status } = await plane.call('PATCH', `tasks/${taskId}/turns/${TurnIndex}`, { ifMatch: Version, body });
    if (status === 200) return;
    await delay(5);
  }
}
