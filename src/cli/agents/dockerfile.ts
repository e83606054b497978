/** Renders the Dockerfile of an agent's image. */
import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { authorityVariables } from '../../runtimes/authorities.ts';
import { adapterPath, type ChosenAgent } from './choose-agent.ts';
import type { Base, PackageManager } from './probe-base.ts';

// The newest with which all known agents work, Aider's Python included.
export const defaultBase = 'docker.io/library/node:24-bookworm-slim';
const nodeImages = { glibc: defaultBase, musl: 'docker.io/library/node:24-alpine' };
// The agent's bundle, and the packages of agents.
const oldestNode = 22;
const userId = 1000;
const workspace = '/workspace';

export interface DockerfileOptions {
  agent: ChosenAgent;
  base: Base;
  /** Packages of the base's package manager. */
  packages: readonly string[];
  /** Whether the folder of the build has certificate authorities to trust. */
  hasAuthorities?: boolean;
}

/** @throws UserError if the base lacks something that cannot be installed */
export function renderDockerfile({ agent, base, packages, hasAuthorities = false }: DockerfileOptions): string {
  const needsNode = base.node === undefined || base.node < oldestNode;
  const needsNpm = agent.packages.npm !== undefined && !base.programs.has('npm');
  const parts = [
    `FROM ${base.image}\nUSER root`,
    hasAuthorities ? trustAuthorities() : '',
    installPackages(agent, base, packages, needsNode),
    needsNode ? copyNode(base) : needsNpm ? copyNpm() : '',
    installNpm(agent.packages.npm ?? []),
    installPip(agent.packages.pip ?? []),
    'COPY agent-wrapper /usr/bin/agent-wrapper',
    agent.adapterFile === undefined ? '' : `COPY adapter.mjs ${adapterPath}`,
    Object.entries(agent.variables)
      .map(([name, value]) => `ENV ${name}=${quote(value)}`)
      .join('\n'),
    createUser(base),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** The folder of {@link writeAuthorities}, relative to that of the build. */
export const authoritiesFolder = 'ca';

// ARG, so that it counts for the build only.
function trustAuthorities(): string {
  const folder = '/opt/plan42/ca';
  const variables = Object.entries(authorityVariables(folder)).map(([name, value]) => `ARG ${name}=${value}`);
  return [
    '# More certificate authorities for the build. For agents, the runner has its own.',
    `COPY ${authoritiesFolder} ${folder}`,
    ...variables,
  ].join('\n');
}

// Agents run commands with bash, which Alpine lacks.
const usual = ['git', 'bash', 'ca-certificates', 'curl', 'ripgrep', 'unzip'];
const keptOfBase: ReadonlySet<string> = new Set(['git', 'bash']);
const commands: Record<PackageManager, (packages: string) => string> = {
  'apt-get': (packages) =>
    `apt-get update && apt-get install --yes --no-install-recommends ${packages} && rm -rf /var/lib/apt/lists/*`,
  apk: (packages) => `apk add --no-cache ${packages}`,
  dnf: (packages) => `dnf install -y ${packages} && dnf clean all`,
  microdnf: (packages) => `microdnf install -y ${packages} && microdnf clean all`,
  yum: (packages) => `yum install -y ${packages} && yum clean all`,
  zypper: (packages) => `zypper --non-interactive install ${packages} && zypper clean --all`,
};

function installPackages(agent: ChosenAgent, base: Base, own: readonly string[], needsNode: boolean): string {
  const { npm = [], pip = [], apt = [] } = agent.packages;
  const manager = base.packageManager;
  if (manager === undefined) {
    const wanted = [...(base.programs.has('git') ? [] : ['git']), ...apt, ...own, ...pip];
    if (wanted.length === 0 && !(needsNode && npm.length > 0)) return '';
    throw new UserError(`cannot install ${wanted.join(', ') || 'npm'}: ${base.image} has no package manager`, {
      remedy: 'Choose a base that has it, or one with apt-get, apk, dnf, yum or zypper.',
    });
  }
  // Installing nothing that is there keeps the base as its makers tested it.
  const needed = usual.filter((name) => !(keptOfBase.has(name) && base.programs.has(name)));
  const libraries = needsNode ? nodeLibraries[manager] : [];
  const python = pip.length === 0 ? [] : manager === 'apt-get' ? ['python3', 'python3-venv'] : ['python3'];
  const names = [...new Set([...available(needed, manager), ...libraries, ...python, ...apt, ...own])];
  return `RUN ${commands[manager](names.join(' '))}`;
}

// The distributions of Red Hat have ripgrep in another repository, and images of theirs a smaller curl.
function available(names: readonly string[], manager: PackageManager): readonly string[] {
  return manager === 'apt-get' || manager === 'apk' || manager === 'zypper'
    ? names
    : names.filter((name) => name !== 'ripgrep' && name !== 'curl');
}

const nodeLibraries: Record<PackageManager, readonly string[]> = {
  'apt-get': ['libstdc++6', 'libatomic1'],
  apk: ['libstdc++'],
  dnf: ['libstdc++', 'libatomic'],
  microdnf: ['libstdc++', 'libatomic'],
  yum: ['libstdc++', 'libatomic'],
  zypper: ['libstdc++6', 'libatomic1'],
};

function copyNode(base: Base): string {
  const image = base.packageManager === 'apk' ? nodeImages.musl : nodeImages.glibc;
  return `# ${nodeReason(base)}
COPY --from=${image} /usr/local/bin/node /usr/local/bin/node
COPY --from=${image} /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -sf ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && ln -sf ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx`;
}

function nodeReason({ node, nodeProblem }: Base): string {
  if (node !== undefined) return `Node.js ${node} of the base is too old for agents.`;
  if (nodeProblem === undefined) return 'The base has no Node.js.';
  return `The Node.js of the base does not start: ${printableLine(nodeProblem)}`;
}

function copyNpm(): string {
  return `# The base has Node.js, but no npm.
COPY --from=${defaultBase} /usr/local/lib/node_modules/npm /opt/plan42/npm
RUN mkdir -p /usr/local/bin \\
 && ln -sf /opt/plan42/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && ln -sf /opt/plan42/npm/bin/npx-cli.js /usr/local/bin/npx`;
}

function installNpm(packages: readonly string[]): string {
  if (packages.length === 0) return '';
  return `RUN npm install --global ${packages.join(' ')} && npm cache clean --force`;
}

// A system's own Python rejects packages of others.
function installPip(packages: readonly string[]): string {
  if (packages.length === 0) return '';
  return `ENV PATH=/opt/plan42/python/bin:$PATH
RUN python3 -m venv /opt/plan42/python && pip install --no-cache-dir ${packages.join(' ')}`;
}

/** Agents need no root. A setup script that installs packages does: then remove the last USER. */
function createUser({ user }: Base): string {
  const add =
    user === undefined
      ? `RUN echo 'agent:x:${userId}:${userId}:Agent:/home/agent:/bin/sh' >>/etc/passwd \\
 && echo 'agent:x:${userId}:' >>/etc/group \\
 && mkdir -p /home/agent ${workspace} \\
 && chown ${userId}:${userId} /home/agent ${workspace}`
      : `RUN mkdir -p ${workspace} && chown ${userId} ${workspace}`;
  return `# Agents need no root. If your setup script installs packages, remove "USER ${userId}".
${add}
ENV HOME=${user?.home ?? '/home/agent'}
WORKDIR ${workspace}
USER ${userId}`;
}

/** Quotes a value for ENV, in which variables are replaced. */
function quote(value: string): string {
  return `"${value.replaceAll(/["\\$]/g, (char) => `\\${char}`)}"`;
}
