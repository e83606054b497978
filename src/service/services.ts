/** The two services that `enable` can install: the runner and the server. */
export interface Service {
  /** As messages call it. */
  noun: 'runner' | 'server';
  /** The commands for it begin with this. */
  command: 'plan42 runner' | 'plan42 server';
  /** Runs it without a service manager. */
  foregroundCommand: string;
  /** The page of the documentation with a unit for the whole system. */
  docs: string;
  unitName: string;
  /** For launchd. */
  label: string;
  /** Whether it starts processes that must outlive it. */
  hasJobs: boolean;
}

export const runnerService: Service = {
  noun: 'runner',
  command: 'plan42 runner',
  foregroundCommand: 'plan42 runner exec',
  docs: 'docs/service.md',
  unitName: 'plan42-runner.service',
  label: 'ai.plan42.runner',
  hasJobs: true,
};

export const serverService: Service = {
  noun: 'server',
  command: 'plan42 server',
  foregroundCommand: 'plan42 server start',
  docs: 'docs/control-plane.md',
  unitName: 'plan42-server.service',
  label: 'ai.plan42.server',
  hasJobs: false,
};
