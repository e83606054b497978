import type { Check } from './check.ts';
import { checkClock } from './clock.ts';
import { checkConfiguration } from './configuration.ts';
import { checkConnections } from './connections.ts';
import { checkContainer } from './container.ts';
import { checkCredentials } from './credentials.ts';
import { checkDisk } from './disk.ts';
import { warning } from './finding.ts';
import { checkFolders } from './folders.ts';
import { checkGithub } from './github.ts';
import { checkGivenToAgents } from './given.ts';
import { checkHealthAddress } from './health-address.ts';
import { checkImages } from './images.ts';
import { checkLimits } from './limits.ts';
import { checkRuntime, engineFolderOf } from './runtime.ts';
import { checkServer } from './server.ts';
import { checkService } from './service.ts';
import { checkToken } from './token.ts';
import { containerTimeoutMs } from './try-containers.ts';

const configuration: Check = {
  name: 'configuration',
  title: 'Configuration',
  showSubjects: true,
  run: checkConfiguration,
};
const token: Check = { name: 'token', title: 'Runner token', run: checkToken };
const server: Check = { name: 'api', title: 'Server', run: checkServer };
const runtime: Check = { name: 'runtime', title: 'Container runtime', run: checkRuntime };

const connections: Check = {
  name: 'connections',
  title: 'GitHub connections',
  showSubjects: true,
  run: checkConnections,
};

/** The checks of `doctor`, in the order of the report: prerequisites first. */
export const doctorChecks: readonly Check[] = [
  configuration,
  { name: 'folders', title: 'Folders', showSubjects: true, run: checkFolders },
  token,
  { name: 'clock', title: 'Clock', run: checkClock },
  server,
  runtime,
  { name: 'container', title: 'Test container', run: checkContainer, timeoutMs: containerTimeoutMs },
  { name: 'credentials', title: 'Credential broker', run: checkCredentials, timeoutMs: containerTimeoutMs },
  { name: 'limits', title: 'Limits', run: checkLimits, timeoutMs: containerTimeoutMs },
  { name: 'given', title: 'Mounts, variables', run: checkGivenToAgents },
  { name: 'images', title: 'Images', run: checkImages },
  { name: 'github', title: 'GitHub', showSubjects: true, run: (context) => checkGithub(context) },
  connections,
  { name: 'health', title: 'Health endpoint', run: checkHealthAddress },
  { name: 'service', title: 'Service', run: checkService },
  {
    name: 'disk',
    title: 'Disk space',
    run: (context) => checkDisk(context, { engineFolder: () => engineFolderOf(context) }),
  },
];

/** The checks of `config validate`. */
export const configChecks: readonly Check[] = [
  configuration,
  token,
  server,
  runtime,
  // A connection without a token can be completed later on the screen.
  { name: 'github', title: 'GitHub', run: (context) => checkGithub(context, warning) },
  connections,
];
