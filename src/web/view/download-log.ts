import type { TurnLogEntry } from '../../plan42/turn-logs.ts';
import { logFile } from '../log-text.ts';
import { type Api, CallError } from './api.ts';
import { followLog } from './log-stream.ts';

/** Saves all lines that a log has now as a file of the user. @throws CallError */
export async function downloadLog(api: Api, path: string, fileName: string): Promise<void> {
  const url = URL.createObjectURL(new Blob([logFile(await readLog(api, path))], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  // The browser has it by then. A page that is closed forgets it anyway.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function readLog(api: Api, path: string): Promise<TurnLogEntry[]> {
  const stop = new AbortController();
  const entries: TurnLogEntry[] = [];
  const last = await lastIndex(api, path);
  if (last === undefined) return entries;
  try {
    // The stream stays open while the turn runs.
    for await (const entry of followLog(api, path, -1, stop.signal)) {
      entries.push(entry);
      if (entry.index >= last) break;
    }
  } finally {
    stop.abort();
  }
  return entries;
}

async function lastIndex(api: Api, path: string): Promise<number | undefined> {
  try {
    return (await api.call<{ Index: number }>('GET', `${path}/last`)).Index;
  } catch (error) {
    if (error instanceof CallError && error.status === 404) return undefined;
    throw error;
  }
}
