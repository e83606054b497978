/** docs/reference/configuration.md: every setting, from the table that the configuration is read with. */
import { connectionFields, environmentVariable, type Field, tables } from '../../src/config/schema.ts';
import { renderValue } from '../../src/config/toml-text.ts';
import { files, variables } from './files-and-variables.ts';
import { code, fence, generatedNote, plain, table } from './markdown.ts';

type AnyField = Field<unknown>;

const about: Record<keyof typeof tables | 'github', string> = {
  runner: 'The server, and what runs the agents. A new `token` is taken over while the runner runs.',
  jobs: 'What an agent gets, and what becomes of its job. A message from the server changes none of it.',
  images: 'Which container images run, when they are pulled, and how many are kept.',
  queues: 'How the runner asks for messages. The defaults are right for nearly everybody.',
  host: 'Only for `runtime = "host"`: [jobs without a container](../runtimes.md#host).',
  network: 'Proxies come from the environment, not from here.',
  health: 'For [monitors](../operations.md#monitoring). Off unless set.',
  log: 'The runner’s own log.',
  github:
    'Any number of tables with names of your own, one for each [private GitHub connection](../github.md). Changes are taken over while the runner runs. The environment has no variables for them.',
};

export function renderConfigurationPage(): string {
  const sections = Object.entries(tables).map(([name, fields]) =>
    renderTable(name, about[name as keyof typeof tables], Object.values<AnyField>(fields)),
  );
  return `# Configuration reference

${generatedNote}
All tables and keys of \`plan42-runner.toml\`. [Configuration](../configuration.md) tells how to set them, and what beats what. Everything but
\`runner.token\` has a default or can be left out.

${sections.join('\n')}
## github.NAME

${about.github}

${table(
  ['key', 'meaning', 'default', 'values'],
  Object.values<AnyField>(connectionFields).map((field) => row(field)),
)}
## The whole file

With every default; what is commented out has none.

${fence('toml', wholeFile())}
## Environment

Each setting above has a variable, named in its row. Those of the programs themselves:

${table(
  ['variable', 'meaning'],
  variables.map(({ term, about }) => [term.split(', ').map(code).join(', '), plain(about)]),
)}
A variable that is set to nothing counts as not set.

## Files

${table(
  ['what', 'Linux', 'macOS'],
  files.map(({ what, linux, macos }) => [plain(what), code(linux), code(macos)]),
)}
With \`--state-dir\` the logs are in \`logs\` inside that folder. Folders have mode 0700 and files 0600.
`;
}

function renderTable(name: string, about: string, fields: readonly AnyField[]): string {
  const rows = fields.map((field) => [...row(field), code(environmentVariable(name, field.key))]);
  return `## ${name}\n\n${about}\n\n${table(['key', 'meaning', 'default', 'values', 'environment'], rows)}`;
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
  return [...lines, '# [github.my-github]', ...connection.map((line) => (line.startsWith('#') ? line : `# ${line}`))];
}

const placeholders: Record<string, string> = {
  token: '"…"',
  runtime: '"docker"',
  network: '"bridge"',
  keep_gib: '50',
  command: '["/path/to/agent", "argument"]',
  ca_file: '"/path/to/ca.pem"',
  listen: '"127.0.0.1:9142"',
  name: '"my-github"',
  connection_id: '"3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9"',
};

function assignment(field: AnyField): string {
  if (field.default !== undefined) return `${field.key} = ${show(field)}`;
  const placeholder = placeholders[field.key];
  if (placeholder === undefined) throw new Error(`there is no example for ${field.key}`);
  return `# ${field.key} = ${placeholder}`;
}
