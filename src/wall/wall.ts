/** The public face of the wall around a job's network. Other rooms import this file and no other of this folder. */
export { hasWall, lowerWall, proxyPort, raiseWall, type Wall, wallFolder } from './build.ts';
export { checkWallMounts, checkWallSettings, findOpenCapability } from './check-settings.ts';
export { keepGateway } from './keep-gateway.ts';
export { saveMounts } from './mounted-sockets.ts';
export { readPodInitProgram } from './pod-init-program.ts';
export { findRefusal } from './refusal.ts';
export { watchMounts } from './watch-mounts.ts';
