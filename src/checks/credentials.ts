import type { Config } from '../config/schema.ts';
import { unboundSecrets } from '../jobs/credentials/collect.ts';
import { isWallForAll } from '../jobs/egress/server-only.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, skipped, warning } from './finding.ts';
import { tryContainers } from './try-containers.ts';

const subject = 'credentials';

/** A job uses a secret that only its gateway has. */
export function checkCredentials(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => [
    ...warnOfUnbound(config, context.env),
    ...(await judgeCredential(context, config)),
  ]);
}

async function judgeCredential(context: CheckContext, config: Config): Promise<Finding[]> {
  if (config.credentials.broker === 'off')
    return [skipped(subject, 'credentials.broker is "off": jobs get their secrets themselves')];
  const tried = await context.once(tryContainers);
  if ('pods' in tried) return [skipped(subject, 'not checked: no pod of the doctor has a gateway')];
  if (!('result' in tried)) return [skipped(subject, 'skipped' in tried ? tried.skipped : 'no container started')];
  const { runtime, result } = tried;
  const { wall, credential } = result.others ?? {};
  if (wall?.stands !== true || credential === undefined) return [skipped(subject, 'there is no wall around jobs')];
  if (credential.works)
    return [passed(subject, `a container of ${runtime.name} used a placeholder: ${credential.detail}`)];
  const problem = isWallForAll(config.egress) ? failed : warning;
  const text =
    credential.remedy ??
    'Run "plan42 runner doctor" again. To give jobs their secrets themselves, set credentials.broker = "off".';
  return [problem(subject, `no job can use its credentials: ${credential.reason}`, { text })];
}

/** Shows names, never values. */
function warnOfUnbound({ jobs, credentialTables }: Config, env: NodeJS.ProcessEnv): Finding[] {
  const variables = new Map(jobs.env.map(({ name, value = env[name] ?? '' }) => [name, value]));
  return unboundSecrets(variables, credentialTables).map((name) =>
    warning('jobs.env', `${name} looks like a secret, and jobs get it itself: no host is known for it`, {
      text: `Name its hosts in a [credentials.NAME] table with variable = "${name}".`,
      command: `plan42 runner config set credentials.${name.toLowerCase().replaceAll('_', '-')}.variable=${name} credentials.${name.toLowerCase().replaceAll('_', '-')}.hosts=HOST`,
    }),
  );
}
