import { imageProblem } from '../lib/image-reference.ts';
import type { Task } from '../plan42/objects.ts';
import { type Repo, readRepo, readVariable, titleOf } from '../plan42/task-input.ts';
import { readLines } from './lines.ts';

/** The text of the form's fields. */
export interface TaskForm {
  /** The ID of an existing environment. Empty for a new one with the image below. */
  environment: string;
  image: string;
  prompt: string;
  title: string;
  /** One per line. */
  repos: string;
  /** One `NAME=VALUE` per line. */
  variables: string;
  areSecret: boolean;
}

export const emptyTaskForm: TaskForm = {
  environment: '',
  image: '',
  prompt: '',
  title: '',
  repos: '',
  variables: '',
  areSecret: false,
};

/** Fills in the form to run a task again, in the same environment. */
export function formToRepeat(task: Pick<Task, 'Title' | 'Prompt' | 'EnvironmentId' | 'RepoInfo'>): TaskForm {
  const { Title, Prompt, EnvironmentId, RepoInfo } = task;
  const repos = Object.entries(RepoInfo).map(
    ([name, { TargetBranch }]) => `${name}${TargetBranch && `:${TargetBranch}`}`,
  );
  const title = Title === titleOf(Prompt) ? '' : Title;
  return { ...emptyTaskForm, environment: EnvironmentId ?? '', prompt: Prompt, title, repos: repos.join('\n') };
}

export interface WantedTask {
  title: string;
  prompt: string;
  repos: Repo[];
  environment:
    | { id: string }
    | { image: string; envVars: { Name: string; Value: string; IsSecret: boolean }[]; repos: string[] };
}

export type FormErrors = Partial<Record<keyof TaskForm, string>>;

/** Reads the form. Returns an error message for each invalid field. */
export function readTaskForm(form: TaskForm): { task: WantedTask } | { errors: FormErrors } {
  const errors: FormErrors = {};
  const isNew = form.environment === '';
  if (isNew) setError(errors, 'image', imageError(form.image.trim()));
  if (form.prompt.trim() === '') errors.prompt = 'Enter a prompt.';
  const [repos, badRepos] = readLines(form.repos, readRepo);
  if (badRepos.length > 0)
    errors.repos = `Not org/repo or org/repo:branch: ${badRepos.map(({ line }) => line).join(', ')}`;
  const [variables, badVariables] = isNew ? readLines(form.variables, readAssignment) : [[], []];
  // Only the number, because an invalid line may contain a secret.
  if (badVariables.length > 0) errors.variables = notAssignments(badVariables.map(({ number }) => number));
  if (Object.keys(errors).length > 0) return { errors };
  const envVars = variables.map(({ name, value }) => ({ Name: name, Value: value, IsSecret: form.areSecret }));
  return {
    task: {
      title: form.title.trim() || titleOf(form.prompt),
      prompt: form.prompt,
      repos,
      environment: isNew
        ? { image: form.image.trim(), envVars, repos: repos.map(({ name }) => name) }
        : { id: form.environment },
    },
  };
}

function setError(errors: FormErrors, name: keyof TaskForm, message: string | undefined): void {
  if (message !== undefined) errors[name] = message;
}

function imageError(image: string): string | undefined {
  if (image === '') return 'Enter an image, such as registry.example.com/team/agent:1.0.';
  const problem = imageProblem(image);
  return problem && `${problem}. Write it like registry.example.com/team/agent:1.0.`;
}

function readAssignment(line: string): { name: string; value: string } | undefined {
  const { name, value } = readVariable(line) ?? {};
  return name === undefined || value === undefined ? undefined : { name, value };
}

function notAssignments(numbers: readonly number[]): string {
  const last = numbers.at(-1) ?? 0;
  if (numbers.length === 1) return `Line ${last} is not NAME=VALUE.`;
  return `Lines ${numbers.slice(0, -1).join(', ')} and ${last} are not NAME=VALUE.`;
}
