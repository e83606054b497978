/** Prepares the task: finds the place of the agent, and starts a control plane and a runner. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../free-port.ts';
import type { DemoAgent } from './choose-agent.ts';
import { type Commands, configFile, type Started } from './commands.ts';
import { runnerConfig, shownConfig } from './configuration.ts';
import { type Engine, findPlace, type Place } from './engine.ts';
import type { DemoGithub } from './github.ts';
import { makeImage } from './image.ts';
import { print, printOutput, printTitle } from './print.ts';

const run = promisify(execFile);

export interface Demo {
  /** Contains everything, and is removed at the end. */
  folder: string;
  agent: DemoAgent;
  /** `podman`, `docker`, `none` or `any`. */
  engine: string;
  /** Keep everything running at the end. */
  keep: boolean;
  commands: Commands;
  resources: AsyncDisposableStack;
  signal: AbortSignal;
}

export interface Stage extends Demo {
  github: DemoGithub;
  place: Place;
  runner: Started;
}

/** Finds the place of the agent, and makes its image. */
export function findAgentPlace(demo: Demo, { url }: DemoGithub): Promise<Place> {
  const isScripted = demo.agent.name === undefined;
  const provide = (engine: Engine) => (isScripted ? makeScriptedImage(demo, engine) : provideImage(demo, engine));
  return findPlace({ wanted: demo.engine, url, makeImage: provide });
}

async function makeScriptedImage({ agent, folder, resources }: Demo, engine: Engine): Promise<string> {
  resources.defer(() => run(engine, ['rmi', '--force', agent.image]).then(() => {}));
  await makeImage(engine, agent.image, folder);
  return agent.image;
}

async function provideImage({ agent: { image, name = '' }, commands }: Demo, engine: Engine): Promise<string> {
  const isThere = await run(engine, ['image', 'inspect', image]).then(
    () => true,
    () => false,
  );
  printTitle(`The image of ${name}`);
  if (isThere) print(`  ${engine} has ${image}. "plan42 agent build --agent ${name}" would update it.`);
  else {
    const { exitCode } = await commands.show(['plan42', 'agent', 'build', '--engine', engine, '--agent', name]);
    if (exitCode !== 0) throw new Error(`cannot build ${image}`);
  }
  return image;
}

/** Starts the server while the place of the agent is being found, and then the runner. */
export async function startPlan42(demo: Demo & { github: DemoGithub }, finding: Promise<Place>): Promise<Stage> {
  const { folder, commands, resources, github, agent } = demo;
  printTitle('2. Plan42: a control plane and a runner');
  const listen = `127.0.0.1:${await freePort()}`;
  const server = commands.start(['plan42', 'server', 'start', '--listen', listen]);
  resources.defer(server.stop);
  await server.prints(/Plan42 server: /);
  const [token, connection, place] = await Promise.all([
    commands.capture(['plan42', 'server', 'token', 'create']),
    commands.capture(['plan42', 'server', 'connection', 'create', 'demo']),
    finding,
  ]);
  const { engine } = place;
  if (engine === undefined) printNoEngine(place, agent);
  const home = join(folder, 'home');
  await mkdir(home);
  const config = runnerConfig({ url: `http://${listen}`, token, engine, home, github: { ...github, connection } });
  await writeFile(configFile(folder), config, { mode: 0o600 });
  print('  plan42-runner.toml begins with:');
  printOutput(shownConfig(config));
  const runner = commands.start(['plan42', 'runner', 'exec']);
  resources.defer(runner.stop);
  await runner.prints(/runner ready/);
  print(`  The runner is ready. Agents run ${engine === undefined ? 'as processes' : `in containers of ${engine}`}.`);
  return { ...demo, place, runner };
}

function printNoEngine({ notes }: Place, { name }: DemoAgent): void {
  const problems = notes.map((note) => `  ${note}`);
  if (name !== undefined) throw new Error(`${name} needs a container, and no engine is ready\n${problems.join('\n')}`);
  for (const problem of problems) print(problem);
  print(
    '  So the agent runs as a process of yours, without isolation. To see it in a container, start Docker or Podman.',
  );
}
