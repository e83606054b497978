/** Environment variables and files of the programs. Variables of settings come from the schema instead. */
import type { Item } from './describe.ts';

type Program = 'plan42' | 'plan42-runner' | 'plan42-runner-config';

const all: readonly Program[] = ['plan42', 'plan42-runner', 'plan42-runner-config'];
const withRunner: readonly Program[] = ['plan42', 'plan42-runner'];

interface Variable extends Item {
  /** The programs that read it. */
  of: readonly Program[];
}

export const variables: readonly Variable[] = [
  { of: all, term: 'PLAN42_CONFIG_FILE', about: 'the configuration file, as --config-file' },
  { of: withRunner, term: 'PLAN42_STATE_DIR', about: 'the folder of jobs and logs, as --state-dir' },
  { of: ['plan42'], term: 'PLAN42_SERVER_TOKEN', about: 'the tenant token for "plan42 server … --server URL"' },
  { of: ['plan42'], term: 'PLAN42_RUN_NETWORK', about: 'the network of "plan42 run", as --network' },
  { of: ['plan42'], term: 'PLAN42_RUN_AGENT', about: 'the agent of "plan42 run", as --agent' },
  {
    of: ['plan42'],
    term: 'PLAN42_AGENT_COMMAND, PLAN42_AGENT_PROTOCOL',
    about: 'the command of "plan42 run --agent custom", and its protocol: acp or command',
  },
  { of: ['plan42'], term: 'PLAN42_RUN_DIR', about: 'the folder of the service behind "plan42 run"' },
  {
    of: ['plan42'],
    term: 'PLAN42_RUN_IDLE_MINUTES',
    about: 'the time without clients and tasks after which that service stops; 10 by default',
  },
  {
    of: ['plan42'],
    term: 'GH_TOKEN, GITHUB_TOKEN, GH_ENTERPRISE_TOKEN, GITHUB_ENTERPRISE_TOKEN',
    about: 'the token for "plan42 run --pr", at github.com or at a GitHub Enterprise Server',
  },
  {
    of: ['plan42'],
    term: 'PLAN42_RELEASES_URL',
    about: 'URL of the releases for "plan42 version --check", instead of those of its own build',
  },
  {
    of: all,
    term: 'http_proxy, https_proxy, no_proxy',
    about: 'proxies for the Plan42 server and GitHub, also in upper case; never used for loopback',
  },
  {
    of: all,
    term: 'SSL_CERT_FILE, SSL_CERT_DIR',
    about: 'a file, and folders separated by colons, of certificate authorities in place of those of the system',
  },
  {
    of: ['plan42'],
    term: 'NODE_EXTRA_CA_CERTS',
    about: 'file of certificate authorities; "plan42 agent build" trusts them too',
  },
  { of: ['plan42', 'plan42-runner-config'], term: 'NO_COLOR', about: 'disables colours if set, as --no-color' },
  { of: ['plan42'], term: 'PAGER', about: 'the pager for logs on a terminal; less by default' },
  {
    of: all,
    term: 'XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_DATA_HOME',
    about: 'on Linux, absolute paths that replace ~/.config, ~/.local/state and ~/.local/share',
  },
  {
    of: withRunner,
    term: 'KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT',
    about: 'the cluster of the runtime kubernetes without kubernetes.kubeconfig; pods have the others',
  },
  {
    of: withRunner,
    term: 'CONTAINER_DEFAULT_PLATFORM',
    about: 'the platform of images for the runtime apple; linux/arm64 by default',
  },
  {
    of: withRunner,
    term: 'DOCKER_CONFIG, CONTAINERS_CONF, CONTAINERS_CONF_OVERRIDE',
    about: 'configuration of docker and podman, as for their own commands',
  },
];

export interface File {
  of: readonly Program[];
  about: string;
  linux: string;
  macos: string;
}

export const files: readonly File[] = [
  { of: all, about: 'configuration', linux: '~/.config/plan42-runner.toml', macos: '~/.config/plan42-runner.toml' },
  {
    of: withRunner,
    about: 'state of the runner: identity, jobs, lock, control socket',
    linux: '~/.local/state/plan42-runner/',
    macos: '~/Library/Application Support/ai.plan42.runner/',
  },
  {
    of: withRunner,
    about: 'logs of the runner (runner.log) and of jobs (JOB-ID.log)',
    linux: '~/.local/state/plan42-runner/logs/',
    macos: '~/Library/Logs/ai.plan42.runner/',
  },
  {
    of: ['plan42'],
    about: 'server, runner and logs of the service behind "plan42 run"',
    linux: '~/.local/state/plan42-run/',
    macos: '~/Library/Application Support/ai.plan42.run/',
  },
  {
    of: ['plan42'],
    about: 'service definition, written by "plan42 runner enable"',
    linux: '~/.config/systemd/user/plan42-runner.service',
    macos: '~/Library/LaunchAgents/ai.plan42.runner.plist',
  },
  {
    of: ['plan42'],
    about: 'data of the embedded control plane',
    linux: '~/.local/share/plan42-server/',
    macos: '~/Library/Application Support/ai.plan42.server/',
  },
];
