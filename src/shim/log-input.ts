import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import type { JobPaths } from './launch.ts';
import { logWriterName } from './processes.ts';

/**
 * Writes lines into the log of a running job, between lines of its output. Returns false if nothing writes that log, or on a
 * system without /proc. At most 4096 bytes, which a pipe takes as a whole.
 */
export type LogInput = (text: string) => boolean;

/** Does not wait, so that a line is in the log before a job can end because of what the line says. */
export function createLogInput({ folder }: Pick<JobPaths, 'folder'>): LogInput {
  let writer: string | undefined;
  return (text) => {
    if (writer !== undefined && isWriterOf(folder, writer) && writeTo(writer, text)) return true;
    // A job whose client was lost has another writer, in a folder below.
    writer = listProcessIds().find((pid) => isWriterOf(folder, pid) && writeTo(pid, text));
    return writer !== undefined;
  };
}

function listProcessIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function isWriterOf(folder: string, pid: string): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const isNamed = [' ', '/'].some((end) => line.includes(` ${logWriterName} ${folder}${end}`));
    // A process in a container can have any command line.
    return isNamed && readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid');
  } catch {
    return false;
  }
}

function writeTo(pid: string, text: string): boolean {
  try {
    // The pipe from which it reads. If it is full, the output is more urgent.
    const pipe = openSync(`/proc/${pid}/fd/0`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      return writeSync(pipe, text) > 0;
    } finally {
      closeSync(pipe);
    }
  } catch {
    // It has exited, or is behind.
    return false;
  }
}
