import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { JobPaths } from './launch.ts';
import { logWriterName } from './processes.ts';

/**
 * Writes lines into the log of a running job, between lines of its output. Returns false if nothing writes that log, or on a
 * system without /proc. At most 4096 bytes, which a pipe takes as a whole.
 */
export type LogInput = (text: string) => boolean;

/**
 * Lines for the log of a job whose output the runner itself reads. They wait in this file, in the job's folder, because the
 * runner can be down.
 */
const linesFile = 'log-lines';
const maxLinesBytes = 2 ** 20;

export const logLinesFile = ({ folder }: Pick<JobPaths, 'folder'>): string => join(folder, linesFile);

/** Does not wait, so that a line is in the log before a job can end because of what the line says. */
export function createLogInput({ folder }: Pick<JobPaths, 'folder'>): LogInput {
  let writer: string | undefined;
  return (text) => {
    const isTaken = appendToLines(logLinesFile({ folder }), text);
    if (isTaken !== undefined) return isTaken;
    if (writer !== undefined && isWriterOf(folder, writer) && writeTo(writer, text)) return true;
    // A job whose client was lost has another writer, in a folder below.
    writer = listProcessIds().find((pid) => isWriterOf(folder, pid) && writeTo(pid, text));
    return writer !== undefined;
  };
}

/** Undefined if the job has no such file. */
function appendToLines(path: string, text: string): boolean | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return fstatSync(file).size < maxLinesBytes && writeSync(file, text) > 0;
  } catch {
    return file === undefined ? undefined : false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
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
