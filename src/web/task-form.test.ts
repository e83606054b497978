import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyTaskForm, readTaskForm } from './task-form.ts';

test('a filled-in form is a task', () => {
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
        { name: 'me/site', targetBranch: 'main' },
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

test('an environment that is there needs no image, and its variables are its own', () => {
  const read = readTaskForm({ ...emptyTaskForm, environment: 'id', prompt: 'p', title: ' t ', variables: 'junk' });
  assert.deepEqual(read, { task: { title: 't', prompt: 'p', repos: [], environment: { id: 'id' } } });
});

test('every wrong field is told of, without what may be secret', () => {
  const read = readTaskForm({ ...emptyTaskForm, image: 'a b', repos: 'x\nme/site', variables: 'SECRET\n1=2' });
  assert.deepEqual(read, {
    errors: {
      image: "invalid repository: 'a b'. It must look like registry.example.com/team/agent:1.0.",
      prompt: 'Say what the agent is to do.',
      repos: 'Not org/repo or org/repo:branch: x',
      variables: '2 of the lines are not NAME=VALUE.',
    },
  });
  const empty = readTaskForm(emptyTaskForm);
  assert.match('errors' in empty ? (empty.errors.image ?? '') : '', /^Name the image/);
});
