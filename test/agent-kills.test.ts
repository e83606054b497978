/**
 * Kills the reference agent, or the command-line agent below it, at random moments: there are never two pull requests, no
 * reported commit is lost, every turn ends, and the next one continues from what was pushed. PLAN42_KILL_ROUNDS sets the
 * number of turns, PLAN42_KILL_SEED repeats the moments.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import { type AgentSetting, branch, makeRequest, setUpAgent } from './support/agent-setting.ts';
import { killByVariable } from './support/kill-by-variable.ts';
import { seededRandom } from './support/random.ts';
import { startTurnServer, type TurnServer } from './support/turn-server.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-agent.mjs');
const rounds = Number(process.env['PLAN42_KILL_ROUNDS'] ?? 8);
const seed = Number(process.env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** Commits once, and leaves another change. Signals the moment between them by a request. */
const work = [
  ...['cat >/dev/null', 'echo "$ROUND" >>work.txt', 'git add work.txt', 'git commit -qm "Round $ROUND"'],
  ...['curl -s "$MOMENT" >/dev/null', 'echo "$ROUND" >>more.txt', 'echo "Did round $ROUND."'],
].join('\n');

interface Kill {
  /** `agent` is the command below the reference agent, which is killed between its changes. */
  whom: 'job' | 'agent';
  /** The number of the request to any server at which the job is killed. */
  moment: number;
  /** Whether the request has its effect although its response reaches no one. */
  hasEffect: boolean;
}

interface Outcome {
  turn: TurnServer['turn'];
  /** Requests to all servers. */
  moments: number;
  output: string;
  wasKilled: boolean;
}

async function runTurn(setting: AgentSetting, index: number, kill?: Kill): Promise<Outcome> {
  const { dir, git, github } = setting;
  await using server = await startTurnServer();
  const workspace = join(dir.path, `round-${index}`);
  let moments = 0;
  let killed: Promise<void> | undefined;
  // Returns whether the request fails.
  const isCut = (): boolean => {
    moments += 1;
    if (kill?.whom !== 'job') return false;
    if (moments !== kill.moment) return killed !== undefined;
    agent.kill('SIGKILL');
    killed = killByVariable('PLAN42_WORKSPACE', workspace);
    return !kill.hasEffect;
  };
  server.beforeWrite = () => (isCut() ? 'fail' : undefined);
  git.intercept = ({ url = '' }, response) => {
    if (url.startsWith('/acme/moment.git/')) {
      if (kill?.whom === 'agent') killed = killByVariable('MOMENT_OF', workspace);
      else isCut();
      void (killed ?? Promise.resolve()).then(() => response.end());
      return true;
    }
    if (!isCut()) return false;
    response.destroy();
    return true;
  };
  const answer: typeof github.everyAnswer = async (response, request) => {
    if (isCut()) return void response.destroy();
    github.everyAnswer = undefined;
    await github.server.answer(response, request);
    github.everyAnswer = answer;
  };
  github.everyAnswer = answer;

  const EnvVars = [
    { Name: 'ROUND', Value: String(index) },
    { Name: 'MOMENT', Value: `${git.url}/acme/moment.git/` },
    { Name: 'MOMENT_OF', Value: workspace },
  ];
  const request = makeRequest({
    GithubURL: git.url,
    Turn: { TurnIndex: index },
    Environment: { Repos: ['acme/app'], EnvVars },
  });
  const env = {
    PATH: process.env['PATH'],
    HOME: dir.path,
    PLAN42_URL: server.url,
    PLAN42_WORKSPACE: workspace,
    PLAN42_AGENT_COMMAND: JSON.stringify(['sh', '-c', work]),
    PLAN42_AGENT_PROTOCOL: 'command',
  };
  const agent = spawn(process.execPath, [join(dir.path, 'agent.mjs')], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  agent.stdin.on('error', () => {});
  agent.stdin.end(JSON.stringify(request));
  const [output] = await Promise.all([text(agent.stdout), once(agent, 'exit')]);
  await killed;
  return { turn: server.turn, moments, output, wasKilled: agent.signalCode !== null };
}

async function requireNothingLost(setting: AgentSetting, reported: ReadonlySet<string>): Promise<void> {
  const { git, github } = setting;
  const pullRequests = github.state.repos.get('acme/app')?.pullRequests.size ?? 0;
  assert.ok(pullRequests <= 1, `${pullRequests} pull requests`);
  for (const commit of reported) await git.git('acme/app', 'merge-base', '--is-ancestor', commit, branch);
}

suite('a killed agent', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  test('loses nothing, and its next turn continues', { timeout: rounds * 30_000 + 60_000 }, async (t: TestContext) => {
    t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
    const random = seededRandom(seed);
    const setting = await setUpAgent(t);
    // A build may replace it meanwhile.
    await copyFile(bundle, join(setting.dir.path, 'agent.mjs'));
    const reported = new Set<string>();
    const first = await runTurn(setting, 1);
    assert.equal(first.turn.Status, 'Completed', first.output);
    let kills = 0;
    for (let round = 2; round <= rounds + 1; round += 1) {
      const isAgent = random() < 0.25;
      const moment = 1 + Math.floor(random() * first.moments);
      const kill: Kill = { whom: isAgent ? 'agent' : 'job', moment, hasEffect: random() < 0.5 };
      const tip = await setting.git.git('acme/app', 'rev-parse', branch);
      const { turn, wasKilled, output } = await runTurn(setting, round, kill);
      const where = `PLAN42_KILL_SEED=${seed}, round ${round}, ${JSON.stringify(kill)}:\n${output}`;
      kills += wasKilled || isAgent ? 1 : 0;
      try {
        // The runner fails the turn of a job that was killed. Any other turn has ended.
        if (!wasKilled) assert.match(turn.Status, /^(?:Completed|Failed)$/);
        const commits = turn.CommitInfo?.['acme/app'];
        // A push whose client was killed may have its effect after this turn's beginning.
        if (commits?.BaselineCommitHash) {
          await setting.git.git('acme/app', 'merge-base', '--is-ancestor', tip, commits.BaselineCommitHash);
        }
        if (commits?.LastCommitHash) reported.add(commits.LastCommitHash);
        await requireNothingLost(setting, reported);
      } catch (error) {
        throw new Error(where, { cause: error });
      }
    }
    assert.ok(kills > 0);
    const last = await runTurn(setting, rounds + 2);
    assert.equal(last.turn.Status, 'Completed', last.output);
    assert.equal(setting.github.state.repos.get('acme/app')?.pullRequests.size, 1);
    await requireNothingLost(setting, reported);
    const lines = (await setting.git.git('acme/app', 'show', `${branch}:more.txt`)).split('\n');
    assert.equal(lines.at(-1), String(rounds + 2));
    t.diagnostic(`${kills} of ${rounds} turns were killed`);
  });
});
