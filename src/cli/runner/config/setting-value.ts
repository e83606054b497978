import type { ConfigFile } from '../../../config/edit-file.ts';
import type { Setting, TableNames } from '../../../config/find-setting.ts';
import { InvalidValue } from '../../../config/kinds.ts';
import { environmentVariable, type Field } from '../../../config/schema.ts';
import { isTable, parseToml } from '../../../config/toml/parse.ts';
import { renderValue, type TomlValue } from '../../../config/toml/render.ts';

export interface SettingValue {
  setting: Setting;
  /** In TOML; undefined if it is not set and has no default. */
  value: unknown;
  origin: 'environment' | 'file' | 'default';
}

/** A setting in JSON output: docs/schemas/runner-config-get.json. */
export interface ShownSetting {
  key: string;
  value: unknown;
  origin: SettingValue['origin'];
  /** If true, `value` is null unless secrets are shown. */
  secret: boolean;
  isSet: boolean;
}

export const mask = '********';

/** Reads settings without validating them. The environment takes precedence over the file. */
export function settingReader(file: ConfigFile, env: NodeJS.ProcessEnv): (setting: Setting) => SettingValue {
  const { values } = parseToml(file.content ?? '');
  return (setting) => {
    const { field, path } = setting;
    const { simplify = (value: unknown) => value } = field.kind;
    const name = variableOf(setting);
    const variable = name === undefined ? undefined : env[name] || undefined;
    if (variable !== undefined) return { setting, value: simplify(field.kind.toToml(variable)), origin: 'environment' };
    const written = valueAt(values, path);
    if (written !== undefined && !countsAsUnset(written, field))
      return { setting, value: simplify(written), origin: 'file' };
    // A connection that does not exist has no defaults.
    const hasDefault = setting.table !== undefined || isTable(valueAt(values, path.slice(0, -1)));
    const value = field.default === undefined || !hasDefault ? undefined : field.kind.show(field.default);
    return { setting, value, origin: 'default' };
  };
}

/** Whether a written value is empty, and means the same as none. */
function countsAsUnset(written: unknown, { key, kind, secret, default: initial }: Field<unknown>): boolean {
  if (typeof written !== 'string' || written.trim() !== '') return false;
  try {
    const value = kind.fromToml(written);
    return value === initial || (secret && key.endsWith('token') && value === '');
  } catch (error) {
    if (error instanceof InvalidValue) return false;
    throw error;
  }
}

export function isInFile(file: ConfigFile, path: readonly string[]): boolean {
  return valueAt(parseToml(file.content ?? '').values, path) !== undefined;
}

/** Returns a warning for each setting that the environment overrides. */
export function hiddenByEnvironment(settings: readonly Setting[], env: NodeJS.ProcessEnv): string[] {
  return settings.flatMap((setting) => {
    const variable = variableOf(setting);
    if (variable === undefined || !env[variable]) return [];
    return [`${variable} in this environment overrides ${setting.name} in the file. Unset it to use the file`];
  });
}

function variableOf({ table, field }: Setting): string | undefined {
  return table === undefined ? undefined : environmentVariable(table, field.key);
}

/** The names of connections, credentials, and models with a mapping or a price. */
export function tableNames(file: ConfigFile): Required<TableNames> {
  const { values } = parseToml(file.content ?? '');
  const namesIn = (...path: readonly string[]) => {
    const table = valueAt(values, path);
    return isTable(table) ? Object.keys(table).filter((name) => isTable(table[name])) : [];
  };
  return {
    github: namesIn('github'),
    credentials: namesIn('credentials'),
    'runner.model_mappings': namesIn('runner', 'model_mappings'),
    'limits.prices': namesIn('limits', 'prices'),
  };
}

export function showSetting({ setting, value, origin }: SettingValue, showSecrets: boolean): ShownSetting {
  const { secret } = setting.field;
  const shown = secret && !showSecrets && origin !== 'default' ? undefined : value;
  return { key: setting.name, value: shown ?? null, origin, secret, isSet: value !== undefined };
}

/** Text without quotes, other values in TOML. */
export function plainValue({ value, secret, isSet }: ShownSetting): string {
  if (secret && isSet && value === null) return mask;
  if (value === null) return '';
  return typeof value === 'string' ? value : renderValue(value as TomlValue);
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (table, name) => (isTable(table) && Object.hasOwn(table, name) ? table[name] : undefined),
    values,
  );
}
