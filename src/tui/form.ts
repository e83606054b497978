/** The part of a configuration file that the screen shows and edits. */
import type { ConfigFile } from '../config/edit-file.ts';
import { connectionFields, type RuntimeName, runtimeNames, tables } from '../config/schema.ts';
import { parseToml } from '../config/toml/parse.ts';
import type { TomlValue } from '../config/toml/render.ts';

export interface RunnerForm {
  token: string;
  url: string;
  /** Undefined: the first ready runtime. */
  runtime: RuntimeName | undefined;
}

/** Settings of models in `[runner]`, by their keys. Empty: agents use what the server sends. */
export const modelKeys = ['openai_endpoint', 'openai_token', 'claude_endpoint', 'claude_token'] as const;
export type ModelKey = (typeof modelKeys)[number];
export type ModelForm = Readonly<Record<ModelKey, string>>;

export const isModelKey = (id: string): id is ModelKey => (modelKeys as readonly string[]).includes(id);

export interface ConnectionForm {
  url: string;
  token: string;
}

/** A connection in the file. */
export interface FileConnection extends ConnectionForm {
  /** Unique: the connection ID, or the table if the ID is missing or used twice. */
  key: string;
  table: string;
  /** Undefined if the file has none. */
  id: string | undefined;
  name: string | undefined;
}

export interface FileForm {
  /** Whether the file exists. */
  exists: boolean;
  runner: RunnerForm;
  models: ModelForm;
  connections: readonly FileConnection[];
}

export const defaultServerUrl = show(tables.runner.url.kind.show(tables.runner.url.default));
export const defaultGithubUrl = show(connectionFields.url.kind.show(connectionFields.url.default));

/** Parses leniently: invalid values count as missing. @throws TomlSyntaxError */
export function readForm({ content }: ConfigFile): FileForm {
  const { runner, github } = parseToml(content ?? '').values;
  const { token, url, runtime, ...models } = tableOf(runner);
  const connections: FileConnection[] = [];
  for (const [table, value] of Object.entries(tableOf(github))) {
    const { connection_id: connectionId, name, url, token } = tableOf(value);
    const id = textOf(connectionId) || undefined;
    const key = id === undefined ? undefined : connectionKey(id);
    connections.push({
      key: key === undefined || connections.some((other) => other.key === key) ? `[${table}]` : key,
      table,
      id,
      name: textOf(name) || undefined,
      url: typeof url === 'string' ? url : defaultGithubUrl,
      token: textOf(token),
    });
  }
  return {
    exists: content !== undefined,
    runner: {
      token: textOf(token),
      url: textOf(url) || defaultServerUrl,
      runtime: runtimeNames.find((name) => name === textOf(runtime).trim().toLowerCase()),
    },
    models: Object.fromEntries(modelKeys.map((key) => [key, textOf(models[key])])) as ModelForm,
    connections,
  };
}

/** IDs are compared case-insensitively. */
export function connectionKey(id: string): string {
  return id.toLowerCase();
}

function tableOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function show(value: TomlValue): string {
  return String(value);
}
