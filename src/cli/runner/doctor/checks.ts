import type { Check } from './check.ts';
import { checkApi } from './checks/api.ts';
import { checkClock } from './checks/clock.ts';
import { checkConfiguration } from './checks/configuration.ts';
import { checkDisk } from './checks/disk.ts';
import { checkFolders } from './checks/folders.ts';
import { checkGithub } from './checks/github.ts';
import { checkImages } from './checks/images.ts';
import { checkRuntime } from './checks/runtime.ts';
import { checkService } from './checks/service.ts';
import { checkToken } from './checks/token.ts';

/** Every check, in the order in which they are shown: what others depend on comes first. */
export const checks: readonly Check[] = [
  { name: 'configuration', title: 'Configuration', run: checkConfiguration },
  { name: 'folders', title: 'Folders', run: checkFolders },
  { name: 'token', title: 'Runner token', run: checkToken },
  { name: 'clock', title: 'Clock', run: checkClock },
  { name: 'api', title: 'Server', run: checkApi },
  { name: 'runtime', title: 'Container runtime', run: checkRuntime },
  { name: 'images', title: 'Images', run: checkImages },
  { name: 'github', title: 'GitHub', run: checkGithub },
  { name: 'service', title: 'Service', run: checkService },
  { name: 'disk', title: 'Disk space', run: (context) => checkDisk(context) },
];
