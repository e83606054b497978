import { imageProblem } from '../lib/image-reference.ts';
import type { Environment, EnvVar } from '../plan42/objects.ts';
import { isVariableName, readRepo } from '../plan42/task-input.ts';
import { readLines } from './lines.ts';

export interface VariableRow {
  name: string;
  value: string;
  isSecret: boolean;
  /** The name of the secret whose value the server has. It keeps that if `value` is empty. */
  stored?: string;
  /** The fields that only newer clients know. */
  others?: object;
}

/** The text of the form's fields. */
export interface EnvironmentForm {
  name: string;
  description: string;
  image: string;
  /** One per line, like `hosts`. */
  repos: string;
  hosts: string;
  setupScript: string;
  context: string;
  /** An ID, or `default`, like `runner`. */
  connection: string;
  runner: string;
  variables: readonly VariableRow[];
}

export const emptyEnvironmentForm: EnvironmentForm = {
  name: '',
  description: '',
  image: '',
  repos: '',
  hosts: '',
  setupScript: '',
  context: '',
  connection: 'default',
  runner: 'default',
  variables: [],
};

export type EnvironmentErrors = Partial<Record<keyof EnvironmentForm, string>>;
type Contents = Omit<Environment, 'TenantId' | 'EnvironmentId' | 'Deleted' | 'CreatedAt' | 'UpdatedAt' | 'Version'>;

export function environmentFormOf(environment: Environment): EnvironmentForm {
  return {
    name: environment.Name,
    description: environment.Description,
    image: environment.DockerImage,
    repos: environment.Repos.join('\n'),
    hosts: environment.AllowedHosts.join('\n'),
    setupScript: environment.SetupScript,
    context: environment.Context,
    connection: environment.GithubConnectionId,
    runner: environment.RunnerId,
    variables: environment.EnvVars.map(({ Name, Value, IsSecret, ...others }) => ({
      name: Name,
      value: Value,
      isSecret: IsSecret === true,
      ...(IsSecret === true && { stored: Name }),
      ...(Object.keys(others).length > 0 && { others }),
    })),
  };
}

/**
 * Reads the form. Returns the fields that differ from those of `before`, or an error message for each invalid field.
 * Unchanged fields are not sent, so that a form shows a text without altering it.
 */
export function readEnvironmentForm(
  form: EnvironmentForm,
  before: EnvironmentForm = emptyEnvironmentForm,
): { changes: Partial<Contents> } | { errors: EnvironmentErrors } {
  const [repos, badRepos] = readLines(form.repos, (line) => (readRepo(line)?.name === line ? line : undefined));
  // The server checks them, because that needs more than a browser has.
  const [hosts] = readLines(form.hosts, (line) => line);
  const rows = form.variables.filter(({ name, value }) => name.trim() !== '' || value !== '');
  const badImage = imageProblem(form.image.trim());
  const errors: EnvironmentErrors = {
    ...(form.name.trim() === '' && { name: 'Enter a name.' }),
    ...(badImage && { image: `${badImage}. Write it like registry.example.com/team/agent:1.0.` }),
    ...(form.image.trim() === '' && { image: 'Enter an image, such as registry.example.com/team/agent:1.0.' }),
    ...(badRepos.length > 0 && { repos: `Not org/repo: ${badRepos.map(({ line }) => line).join(', ')}` }),
    ...variablesError(rows),
  };
  if (Object.keys(errors).length > 0) return { errors };
  const isChanged = (name: keyof EnvironmentForm) => JSON.stringify(form[name]) !== JSON.stringify(before[name]);
  return {
    changes: {
      ...(isChanged('name') && { Name: form.name.trim() }),
      ...(isChanged('description') && { Description: form.description }),
      ...(isChanged('image') && { DockerImage: form.image.trim() }),
      ...(isChanged('repos') && { Repos: repos }),
      ...(isChanged('hosts') && { AllowedHosts: hosts }),
      ...(isChanged('setupScript') && { SetupScript: form.setupScript }),
      ...(isChanged('context') && { Context: form.context }),
      ...(isChanged('connection') && { GithubConnectionId: form.connection }),
      ...(isChanged('runner') && { RunnerId: form.runner }),
      ...(isChanged('variables') && {
        EnvVars: rows.map(variableOf),
      }),
    },
  };
}

function variableOf({ name, value, isSecret, others }: VariableRow): EnvVar {
  return { ...others, Name: name.trim(), Value: value, IsSecret: isSecret };
}

/** Returns the field that an error message of the server is about, if it names one. */
export function fieldOfError(message: string): keyof EnvironmentForm | undefined {
  const names: Record<string, keyof EnvironmentForm> = {
    AllowedHosts: 'hosts',
    DockerImage: 'image',
    EnvVars: 'variables',
  };
  return names[/^(\w+):/.exec(message)?.[1] ?? ''];
}

function variablesError(rows: readonly VariableRow[]): { variables?: string } {
  const names = rows.map(({ name }) => name.trim());
  const invalid = names.find((name) => !isVariableName(name));
  if (invalid !== undefined) {
    return { variables: invalid === '' ? 'Enter a name for each variable.' : `Not the name of a variable: ${invalid}` };
  }
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) return { variables: `${twice} is there twice.` };
  const empty = rows.find(({ name, value, isSecret, stored }) => isSecret && value === '' && stored !== name.trim());
  return empty === undefined ? {} : { variables: `Enter the value of the secret ${empty.name.trim()}.` };
}
