import type { Target } from './target.ts';
import { targets as agent } from './targets/agent.ts';
import { targets as cli } from './targets/cli.ts';
import { targets as config } from './targets/config.ts';
import { targets as credentials } from './targets/credentials.ts';
import { targets as drivers } from './targets/drivers.ts';
import { targets as events } from './targets/events.ts';
import { targets as gateway } from './targets/gateway.ts';
import { targets as github } from './targets/github.ts';
import { targets as githubGuard } from './targets/github-guard.ts';
import { targets as jobs } from './targets/jobs.ts';
import { targets as kubernetes } from './targets/kubernetes.ts';
import { targets as lib } from './targets/lib.ts';
import { targets as plan42 } from './targets/plan42.ts';
import { targets as server } from './targets/server.ts';
import { targets as web } from './targets/web.ts';

export const allTargets: readonly Target[] = [
  ...agent,
  ...drivers,
  ...[...lib, ...gateway, ...plan42, ...github, ...githubGuard, ...config, ...jobs, ...credentials],
  ...[...cli, ...kubernetes, ...events, ...server, ...web],
];
