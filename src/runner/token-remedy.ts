import { environmentVariable } from '../config/schema.ts';

const variable = environmentVariable('runner', 'token');

/** How to replace the runner token where this runner has it from. A process cannot see a new value of a variable. */
export function tokenRemedy(env: NodeJS.ProcessEnv): string {
  const create = 'Create a token on the server';
  if (!env[variable]) return `${create} and set it as runner.token: it takes effect without a restart.`;
  return env['KUBERNETES_SERVICE_HOST'] === undefined
    ? `${create}, set it as ${variable}, and restart the runner.`
    : `${create}, put it into the Secret from which the pod has ${variable}, and restart the pod.`;
}
