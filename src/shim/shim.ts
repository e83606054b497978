/** The public face of the shim, the process that carries a job. Other rooms import this file and no other of this folder. */
export {
  type Companion,
  endedFile,
  isCompanionKept,
  keepCompanion,
  listCompanions,
  startCompanion,
  stopCompanion,
} from './companion.ts';
export { type JobPaths, type Launch, LaunchError, launch } from './launch.ts';
export { createLogInput, type LogInput, logLinesFile } from './log-input.ts';
export { isLogWritten, isRunning, isShim, killCommand, listJobProcesses } from './processes.ts';
export { programCommand } from './program.ts';
export { openSegmentWriter, type SegmentWriter } from './segment-writer.ts';
export { forget, launchedAtMs, readState, wasStarted } from './state.ts';
export { type ShimExit, waitForExit, waitForStart } from './wait.ts';
