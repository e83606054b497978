/** Renders docs/reference/configuration.md from the table of settings. */
import {
  connectionFields,
  credentialFields,
  environmentVariable,
  type Field,
  mappingFields,
  priceFields,
  tables,
} from '../../src/config/schema.ts';
import { renderValue } from '../../src/config/toml/render.ts';
import { files, variables } from './files-and-variables.ts';
import { code, fence, generatedNote, plain, table } from './markdown.ts';

type AnyField = Field<unknown>;

const about: Record<keyof typeof tables | 'github', string> = {
  runner:
    'The server, the runtime, and the [models](../configuration.md#models) of agents. A new `token` takes effect without a restart, the models for jobs that start afterwards.',
  jobs: 'Limits and isolation of agents, and retention of jobs. Messages from the server cannot change them.',
  images: 'Which container images may run, when they are pulled, and how many are kept.',
  queues: 'How the runner polls for messages. You rarely need to change the defaults.',
  host: 'Only for `runtime = "host"`: [jobs without a container](../runtimes.md#host).',
  kubernetes: 'Only for `runtime = "kubernetes"`: [jobs in a cluster](../runtimes.md#kubernetes).',
  network: 'Proxies come from the environment, not from here.',
  egress: 'The network of jobs in containers: [network egress](../egress.md).',
  credentials: 'How [secrets stay out of jobs](../credentials.md).',
  limits: '[Limits of a job](../limits.md), which an environment can lower. A job that reaches one is ended.',
  events: 'The [events of GitHub](../github-events.md): comments that start turns, and states of pull requests.',
  health: 'The [health endpoint](../operations.md#health-endpoint). Off unless set.',
  log: 'The runner’s own log.',
  github:
    'One table with a name of your choice for each [private GitHub connection](../github.md). Changes take effect without a restart. There are no environment variables for these keys.',
};

export function renderConfigurationPage(): string {
  const sections = Object.entries(tables).map(([name, fields]) =>
    renderTable(name, about[name as keyof typeof tables], Object.values<AnyField>(fields)),
  );
  return `# Configuration reference

${generatedNote}
All tables and keys of \`plan42-runner.toml\`. [Configuration](../configuration.md) explains how to set them, and their
precedence. Only \`runner.token\` is required.

${sections.join('\n')}
## github.NAME

${about.github}

${table(
  ['key', 'description', 'default', 'values'],
  Object.values<AnyField>(connectionFields).map((field) => row(field)),
)}
## credentials.NAME

One table with a name of your choice for each [secret of your own](../credentials.md#other-secrets). There are no environment
variables for these keys.

${table(
  ['key', 'description', 'default', 'values'],
  Object.values<AnyField>(credentialFields).map((field) => row(field)),
)}
## runner.model_mappings.NAME

One table for each model of Plan42 that agents replace, by its [name](../configuration.md#models), in quotes. There are no
environment variables for these keys.

${table(
  ['key', 'description', 'default', 'values'],
  Object.values<AnyField>(mappingFields).map((field) => row(field)),
)}
## limits.prices."MODEL"

One table for each [model and its price](../limits.md#tokens-and-money): the name that requests and responses have, or the
beginning of it. There are no environment variables for these keys.

${table(
  ['key', 'description', 'default', 'values'],
  Object.values<AnyField>(priceFields).map((field) => row(field)),
)}
## The whole file

With every default. Keys without a default are commented out.

${fence('toml', wholeFile())}
## Environment

The tables above list the variable of each setting. The programs also read:

${table(
  ['variable', 'description'],
  variables.map(({ term, about }) => [term.split(', ').map(code).join(', '), plain(about)]),
)}
An empty variable counts as not set.

## Files

${table(
  ['file', 'Linux', 'macOS'],
  files.map(({ about, linux, macos }) => [plain(about), code(linux), code(macos)]),
)}
With \`--state-dir\`, logs are in \`logs\` inside that folder. Folders have mode 0700, files 0600.
`;
}

function renderTable(name: string, about: string, fields: readonly AnyField[]): string {
  const rows = fields.map((field) => [...row(field), code(environmentVariable(name, field.key))]);
  return `## ${name}\n\n${about}\n\n${table(['key', 'description', 'default', 'values', 'environment'], rows)}`;
}

function row(field: AnyField): string[] {
  const fallback = field.default === undefined ? '' : code(show(field));
  return [code(field.key), plain(field.about), fallback, plain(field.kind.notation)];
}

function show({ kind, default: value }: AnyField): string {
  return renderValue(kind.show(value));
}

function wholeFile(): string[] {
  const lines = Object.entries<Record<string, AnyField>>(tables).flatMap(([name, fields]) =>
    [`[${name}]`].concat(Object.values(fields).map(assignment), ''),
  );
  const connection = Object.values<AnyField>(connectionFields).map(assignment);
  const credential = Object.values<AnyField>(credentialFields).map(assignment);
  const commented = (line: string) => (line.startsWith('#') ? line : `# ${line}`);
  const mapping = Object.values<AnyField>(mappingFields).map(assignment);
  const price = Object.values<AnyField>(priceFields).map(assignment);
  const own = [
    ...['# [runner.model_mappings."GPT-5.1 Codex"]', ...mapping, ''],
    ...['# [github.my-github]', ...connection, ''],
    ...['# [credentials.my-registry]', ...credential, ''],
    ...['# [limits.prices."gpt-5"]', ...price],
  ];
  return [...lines, ...own.map((line) => (line === '' ? line : commented(line)))];
}

const placeholders: Record<string, string> = {
  token: '"…"',
  runtime: '"docker"',
  openai_endpoint: '"https://models.example.com/v1"',
  openai_token: '"…"',
  claude_endpoint: '"https://models.example.com"',
  claude_token: '"…"',
  network: '"bridge"',
  max_duration: '"8h"',
  idle_timeout: '"30m"',
  disk_gib: '20',
  max_log_mib: '50',
  max_tokens: '20_000_000',
  max_cost: '10.0',
  input: '1.25',
  output: '10.0',
  cached_input: '0.125',
  cache_write: '1.25',
  keep_gib: '50',
  command: '["/path/to/agent", "argument"]',
  kubeconfig: '"/path/to/kubeconfig"',
  context: '"production"',
  namespace: '"agents"',
  pod_template: '"/path/to/pod.yaml"',
  service_account: '"agent"',
  helper_image: '"registry.example.com/plan42-runner:1.4.0"',
  architecture: '"amd64"',
  instance_id: '"3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9"',
  state_key: '"…"',
  ca_file: '"/path/to/ca.pem"',
  allowed: '["npm", "*.example.com"]',
  proxy: '"http://proxy.example.com:3128"',
  listen: '"127.0.0.1:9142"',
  name: '"my-github"',
  variable: '"REGISTRY_TOKEN"',
  header: '"Authorization"',
  connection_id: '"3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9"',
};

function assignment(field: AnyField): string {
  if (field.default !== undefined) return `${field.key} = ${show(field)}`;
  const placeholder = placeholders[field.key];
  if (placeholder === undefined) throw new Error(`no placeholder for ${field.key}: add one`);
  return `# ${field.key} = ${placeholder}`;
}
