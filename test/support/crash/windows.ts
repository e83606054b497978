/** The moments in the life of a job at which the runner is killed. */
import { rm, writeFile } from 'node:fs/promises';
import type { FaultProxy } from '../fault-proxy.ts';
import { faults, type ProxiedCall } from '../faults.ts';
import type { OutageProxy, PassingRequest } from '../kubernetes/outage-proxy.ts';
import type { AgentDesk } from './agents.ts';
import type { HoldingRegistry } from './holding-registry.ts';
import { type JobEvent, watchJobs } from './job-events.ts';

export interface CrashScene {
  /** Undefined unless agents run in a cluster. */
  apiProxy: OutageProxy | undefined;
  stateDir: string;
  proxy: FaultProxy;
  desk: AgentDesk;
  /** Undefined on the host, where nothing is pulled. */
  registry: HoldingRegistry | undefined;
  /** While this file exists, the engine pauses between creating and starting a container. */
  pauseFile: string | undefined;
}

/** Calls `hit` at its moment. Disposing restores the scene. */
export type CrashWindow = (scene: CrashScene, hit: () => void) => Promise<AsyncDisposable>;

const isFinal = ({ turn }: ProxiedCall) => /^(Failed|Completed)$/.test(turn?.Status ?? '');

const ofEveryRuntime: Readonly<Record<string, CrashWindow>> = {
  'before the record is on disk': onFile('draft'),
  'when the record is on disk': onFile('job'),
  'before the acceptance is sent': onCall(({ kind }) => kind === 'answer', 'dropped'),
  'when the acceptance is sent, but not confirmed': onCall(({ kind }) => kind === 'answer', 'reset'),
  'while it waits for a slot': onCall(({ turn }) => turn?.Status?.startsWith('Waiting') === true, 'reset'),
  'when its input is written': onFile('input.json'),
  'when its agent starts': onAgent('start'),
  'when its agent is about to exit': onAgent('end'),
  'before its final status is sent': onCall(isFinal, 'dropped'),
  'when its final status is sent, but not confirmed': onCall(isFinal, 'reset'),
  'when it is finished': onFile('finished'),
};

export const crashWindows: Readonly<Record<string, CrashWindow>> = {
  ...ofEveryRuntime,
  'while it is pulled': async (scene, hit) => {
    const { registry } = scene;
    if (registry === undefined) return onAgent('start')(scene, hit);
    const { promise, resolve } = Promise.withResolvers<void>();
    registry.onPull = () => {
      hit();
      return promise;
    };
    return {
      [Symbol.asyncDispose]: async () => {
        registry.onPull = () => undefined;
        resolve();
      },
    };
  },
  'when its state file is created': onFile('supervisor.new'),
  'when its shim runs': onFile('supervisor.running'),
  'between create and start': async (scene, hit) => {
    if (scene.pauseFile === undefined) return onFile('supervisor.running')(scene, hit);
    await writeFile(scene.pauseFile, '');
    const watching = await onFile('container-id')(scene, hit);
    return {
      [Symbol.asyncDispose]: async () => {
        await watching[Symbol.asyncDispose]();
        await rm(scene.pauseFile ?? '', { force: true });
      },
    };
  },
  'when its agent has exited': onFile('supervisor.exited'),
};

/** For jobs in a cluster. */
export const clusterWindows: Readonly<Record<string, CrashWindow>> = {
  ...ofEveryRuntime,
  'before its Job is created': onApi('POST', /\/jobs$/, { isDone: false }),
  'when its Job is created, but not confirmed': onApi('POST', /\/jobs$/, { isDone: true }),
  'between Job and Secret': onApi('POST', /\/secrets$/, { isDone: false }),
  'when its Secret is created, but not confirmed': onApi('POST', /\/secrets$/, { isDone: true }),
  'when its Job is recorded': onFile('kubernetes.json'),
  'before its Secret is removed': onApi('DELETE', /\/secrets\//, { isDone: false }),
  'when its Secret is removed, but not confirmed': onApi('DELETE', /\/secrets\//, { isDone: true }),
  'before its Job is removed': onApi('DELETE', /\/jobs\//, { isDone: false }),
  'when its Job is removed, but not confirmed': onApi('DELETE', /\/jobs\//, { isDone: true }),
};

function onFile(prefix: string): CrashWindow {
  return async ({ stateDir }, hit) => {
    const onEvent: JobEvent = (name) => name.startsWith(prefix) && hit();
    const watching = await watchJobs(stateDir, onEvent);
    return { [Symbol.asyncDispose]: async () => watching[Symbol.dispose]() };
  };
}

/** When the proxy has the call: before the server receives it, or after the server has processed it. */
function onCall(isIt: (call: ProxiedCall) => boolean, fault: 'dropped' | 'reset'): CrashWindow {
  return async ({ proxy }, hit) => {
    let isDue = true;
    proxy.plan = (call) => {
      if (!isDue || !isIt(call)) return faults.none;
      isDue = false;
      // The runner continues for a moment, as it would when a connection breaks.
      if (fault === 'dropped') hit();
      else setTimeout(hit, 3);
      return faults[fault];
    };
    return {
      [Symbol.asyncDispose]: async () => {
        proxy.plan = () => faults.none;
      },
    };
  };
}

/** The request, or its response, does not arrive. */
function onApi(method: string, path: RegExp, { isDone }: { isDone: boolean }): CrashWindow {
  return async ({ apiProxy }, hit) => {
    if (apiProxy === undefined) throw new Error('only for jobs in a cluster');
    let isDue = true;
    const isIt = (passing: PassingRequest) =>
      passing.method === method && path.test(passing.path) && passing.isDone === isDone;
    apiProxy.holds = (passing) => {
      if (!isDue || !isIt(passing)) return false;
      isDue = false;
      hit();
      return true;
    };
    return {
      [Symbol.asyncDispose]: async () => {
        apiProxy.holds = () => false;
      },
    };
  };
}

function onAgent(event: string): CrashWindow {
  return async ({ desk }, hit) => {
    desk.onCall = (what) => what === event && hit();
    return {
      [Symbol.asyncDispose]: async () => {
        desk.onCall = () => {};
      },
    };
  };
}
