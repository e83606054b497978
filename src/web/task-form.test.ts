import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../plan42/objects.ts';
import { emptyTaskForm, formToRepeat, readTaskForm } from './task-form.ts';

test('reads a complete form', () => {
  const form = {
    ...emptyTaskForm,
    image: ' example.com/agent:1 ',
    prompt: 'Do it.\nNow.',
    repos: 'me/site\n\n me/docs:next ',
    variables: 'A=1=2\nB=',
    areSecret: true,
  };
  assert.deepEqual(readTaskForm(form), {
    task: {
      title: 'Do it.',
      prompt: 'Do it.\nNow.',
      repos: [
        { name: 'me/site', targetBranch: '' },
        { name: 'me/docs', targetBranch: 'next' },
      ],
      environment: {
        image: 'example.com/agent:1',
        envVars: [
          { Name: 'A', Value: '1=2', IsSecret: true },
          { Name: 'B', Value: '', IsSecret: true },
        ],
        repos: ['me/site', 'me/docs'],
      },
    },
  });
});

test('an existing environment needs no image and ignores the variables', () => {
  const read = readTaskForm({ ...emptyTaskForm, environment: 'id', prompt: 'p', title: ' t ', variables: 'junk' });
  assert.deepEqual(read, { task: { title: 't', prompt: 'p', repos: [], environment: { id: 'id' } } });
});

test('reports every invalid field, without possible secrets', () => {
  const read = readTaskForm({ ...emptyTaskForm, image: 'a b', repos: 'x\nme/site', variables: 'SECRET\n1=2' });
  assert.deepEqual(read, {
    errors: {
      image:
        '"a b" is not the name of an image: its repository is invalid. Write it like registry.example.com/team/agent:1.0.',
      prompt: 'Enter a prompt.',
      repos: 'Not org/repo or org/repo:branch: x',
      variables: 'Lines 1 and 2 are not NAME=VALUE.',
    },
  });
  const one = readTaskForm({ ...emptyTaskForm, variables: 'A=1\n\nSECRET' });
  assert.equal('errors' in one && one.errors.variables, 'Line 3 is not NAME=VALUE.');
  const empty = readTaskForm(emptyTaskForm);
  assert.match('errors' in empty ? (empty.errors.image ?? '') : '', /^Enter an image/);
});

test('the form is filled in to run a task again', () => {
  const RepoInfo = { 'me/web': { FeatureBranch: 'plan42/x', TargetBranch: 'next', PRNumber: 7 } };
  const task = { Title: 'Do it.', Prompt: 'Do it.\nNow.', EnvironmentId: 'e', RepoInfo } as unknown as Task;
  const form = formToRepeat(task);
  assert.deepEqual(form, { ...emptyTaskForm, environment: 'e', prompt: 'Do it.\nNow.', repos: 'me/web:next' });
  assert.equal(formToRepeat({ ...task, Title: 'Mine' }).title, 'Mine');
  const repos = { 'me/web': { FeatureBranch: 'b', TargetBranch: '' } };
  assert.equal(formToRepeat({ ...task, RepoInfo: repos }).repos, 'me/web');
});
