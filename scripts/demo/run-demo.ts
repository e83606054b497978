/** The demo, step by step. */
import { once } from 'node:events';
import { join } from 'node:path';
import type { PullRequest } from '../../test/support/github/state.ts';
import { runTests, type TestResult } from './agent/run-tests.ts';
import { serverData } from './commands.ts';
import { startDemoGithub } from './github.ts';
import { print, printCommand, printDiff, printOutput, printTitle, style } from './print.ts';
import { files, repository, review, task } from './repository.ts';
import { type Demo, findAgentPlace, type Stage, startPlan42 } from './stage.ts';
import { testBranch, writeFiles } from './test-branch.ts';

/** Returns the exit code. */
export async function runDemo(demo: Demo): Promise<number> {
  const startedAt = performance.now();
  print(`An agent fixes a failing test, opens a pull request, and addresses the review of it. The git server,
Plan42 and the agent are real, and all on this machine. A small server stands in for GitHub.`);
  const github = demo.resources.use(await startDemoGithub(demo.folder));
  const finding = findAgentPlace(demo, github);
  finding.catch(() => {});
  // The image of the scripted agent is made in the meantime. That of another agent shows how it is built.
  if (demo.agent.name !== undefined) await finding;
  await showFailure(demo);
  const stage = await startPlan42({ ...demo, github }, finding);
  const id = await createTask(stage);
  const pullRequest = github.pullRequest();
  if (pullRequest === undefined) throw new Error('the agent has changed nothing');
  await showPullRequest(stage, pullRequest);
  const result = await reviewPullRequest(stage, pullRequest, id);
  await showRunner(stage);
  printSummary(stage, result, Math.round((performance.now() - startedAt) / 1000));
  if (demo.keep) await keepRunning(stage, pullRequest, id);
  return result.passed ? 0 : 1;
}

async function showFailure({ folder }: Demo): Promise<void> {
  printTitle('1. A repository with a failing test');
  print(`  ${repository}, on a git server that only exists for this demo:`);
  printTests(await runTests(await writeFiles(join(folder, 'shop'), files)));
}

function printTests({ report }: TestResult): void {
  printCommand(['node', '--test']);
  printOutput(report.replaceAll(/^✔.*$/gm, style.good).replaceAll(/^✖.*$/gm, style.bad));
}

/** Returns the ID of the task, when its first turn is completed. */
async function createTask({ commands, agent, place }: Stage): Promise<string> {
  printTitle('3. The task, and the log of the agent');
  const what =
    agent.name === undefined
      ? 'The agent is a script that knows this repository, so it needs no model and no key. What it does is real.'
      : `The agent is ${agent.name}.`;
  print(`  ${what}`);
  if (place.engine === undefined) print('  It runs as a process of yours, without isolation.');
  const variables = agent.variables.flatMap((name) => ['--env', name]);
  const create = ['plan42', 'server', 'environment', 'create', 'shop', '--image', agent.image, '--repo', repository];
  await commands.capture([...create, ...variables]);
  const options = ['--environment', 'shop', '--title', task.title, '--prompt', task.prompt, '--follow'];
  const { exitCode, output } = await commands.show(['plan42', 'server', 'task', 'create', ...options], {
    hide: taskId,
  });
  const id = taskId.exec(output)?.[0].slice(0, 8) ?? '';
  if (exitCode !== 0) throw new Error('the turn did not complete');
  return id;
}

const taskId = /^[0-9a-f]{8}-[0-9a-f-]{27}$/m;

async function showPullRequest(stage: Stage, pullRequest: PullRequest): Promise<void> {
  const { github } = stage;
  const { head = '', base = '', title, number } = pullRequest;
  printTitle('4. A branch and a pull request');
  print(`  "${title}", #${number}: ${github.pageOf(pullRequest)}`);
  printCommand(['git', 'diff', `${base}...${head}`]);
  printDiff(await github.diff(pullRequest));
  print(`  The tests of the branch${stage.place.engine === undefined ? '' : ', in another container'}:`);
  printTests(await testBranch(stage, head));
}

/** Returns the result of the tests after the second turn. */
async function reviewPullRequest(stage: Stage, pullRequest: PullRequest, id: string): Promise<TestResult> {
  const { github, commands } = stage;
  printTitle('5. A review becomes the next turn');
  const line = await github.comment(pullRequest);
  print(`  ${review.author} comments on ${review.path}, line ${line}:`);
  printOutput(review.comment);
  const create = ['plan42', 'server', 'turn', 'create', id, '--prompt', review.prompt, '--follow'];
  const { exitCode } = await commands.show(create);
  if (exitCode !== 0) throw new Error('the turn did not complete');
  print(`  The reply to ${review.author}:`);
  printOutput(github.reply(pullRequest) || '(none)');
  const { head = '', base = '' } = pullRequest;
  printCommand(['git', 'log', '--format=%h %an: %s', `${base}..${head}`]);
  printOutput(await github.git('log', '--format=%h %an: %s', `${base}..${head}`));
  const result = await testBranch(stage, head);
  printTests(result);
  return result;
}

async function showRunner({ commands, runner }: Stage): Promise<void> {
  printTitle('6. The side of the runner');
  // The agent finishes its turn a moment before it exits.
  await runner.prints(/(job finished[\s\S]*){2}/);
  await commands.show(['plan42', 'runner', 'status'], { isTable: true });
  await commands.show(['plan42', 'runner', 'job', 'list', '--all'], { isTable: true });
}

function printSummary({ place, agent, keep }: Stage, { passed }: TestResult, seconds: number): void {
  const where = place.engine === undefined ? 'as a process of yours' : `in a new container of ${place.engine}`;
  printTitle(passed ? `Done, in ${seconds} s` : `The tests still fail, after ${seconds} s`);
  print(`  A failing test became a pull request, and the review of it the next commit.
  Each turn ran ${where}. To connect your own GitHub, see docs/github.md.`);
  printTitle('Next');
  const tries = [
    ...(keep ? [] : [['make demo KEEP=1', 'keeps all of this running, with its web pages']]),
    ...(agent.name === undefined
      ? [['make demo AGENT=claude', 'a real agent, with ANTHROPIC_API_KEY in the environment']]
      : []),
    ['plan42 run --agent claude "Fix the failing test"', 'in a repository of yours'],
  ];
  const width = Math.max(...tries.map(([command = '']) => command.length));
  for (const [command = '', what] of tries) print(`  ${style.bold(command.padEnd(width))}  ${what}`);
}

async function keepRunning({ folder, commands, github, signal }: Stage, pullRequest: PullRequest, id: string) {
  printTitle('Look around');
  const link = await commands.capture(['plan42', 'server', 'link']);
  print(`  The page of Plan42:   ${link}
  The pull request:     ${github.pageOf(pullRequest)}
  Another turn:         bin/plan42 server turn create ${id} --follow --prompt TEXT --data ${serverData(folder)}
  Ctrl-C stops everything and removes it.`);
  if (!signal.aborted) await once(signal, 'abort');
}
