import { adapters } from '../../src/agent/adapters/find-adapter.ts';

export interface DemoAgent {
  /** Undefined for the scripted agent. */
  name: string | undefined;
  image: string;
  /** Variables of this machine that it gets: its key, and the address of another server of the model. */
  variables: string[];
}

/** @throws Error if there is no such agent, or no key for it */
export function chooseAgent(env: NodeJS.ProcessEnv): DemoAgent {
  const name = env['AGENT'] || 'scripted';
  if (name === 'scripted') return { name: undefined, image: 'localhost/plan42-demo-agent:latest', variables: [] };
  const adapter = adapters.find((known) => known.name === name);
  if (adapter === undefined) {
    const names = adapters.map((known) => known.name).join(', ');
    throw new Error(`invalid AGENT=${name}: use ${names} or scripted`);
  }
  const keys = adapter.keys.filter((key) => env[key]);
  if (keys.length === 0) throw new Error(`AGENT=${name} needs a key: set ${adapter.keys.join(' or ')}`);
  const server = adapter.server?.variable ?? '';
  return {
    name,
    image: `localhost/plan42-agent-${name}:latest`,
    variables: [...keys, ...(env[server] ? [server] : [])],
  };
}
