/** Measures the overhead of the runner's GitHub client, against a fake GitHub on loopback. */
import { request } from 'undici';
import { fetchFeedback } from '../src/github/feedback/fetch-feedback.ts';
import { listBranches } from '../src/github/listings.ts';
import { createTransport } from '../src/plan42/transport.ts';
import { connect, type TestClient } from '../test/support/github/client.ts';
import { startGithub } from '../test/support/github/double.ts';
import { makePullRequest, makeRepo } from '../test/support/github/state.ts';
import type { SeenRequest } from '../test/support/http-server.ts';
import { median } from './support/median.ts';

const rounds = 20;
const branches = Array.from({ length: 1000 }, (_, i) => `feature/branch-${i}`);
const discussion = { threads: 50, threadComments: () => 3, comments: 80, reviews: 30 };

await using github = await startGithub();
const pullRequests = new Map([[5, makePullRequest(discussion)]]);
github.state.repos.set('acme/app', makeRepo({ branches, pullRequests }));
github.state.quota = Number.MAX_SAFE_INTEGER;
const transport = createTransport({});

await compare('1,000 branches by 100', listAll);
await compare('feedback: 50 threads of 3 comments, 80 comments, 30 reviews', ({ withClient, ask }) =>
  ask((caller) => fetchFeedback(withClient, 'acme/app', 5, caller)),
);
const { points, nodes } = github.costs[0] ?? { points: 0, nodes: 0 };
console.log(`  its cost by GitHub's formula: ${points} point of 5,000 an hour; at most ${nodes} nodes of 500,000`);
await repeatListing();
await transport.destroy();

async function listAll({ client, ask }: TestClient): Promise<void> {
  for (let token: string | null | undefined; token !== null; ) {
    const page = { OrgName: 'acme', RepoName: 'app', MaxResults: 100, Token: token };
    token = (await ask((caller) => listBranches(client, page, caller))).nextToken;
  }
}

/** The floor is the same requests, one after the other, whose answers are only parsed. */
async function compare(name: string, work: (connection: TestClient) => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  const floors: number[] = [];
  let calls: SeenRequest[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    await using connection = connect(github);
    // A connection that is there already, as for the floor.
    await connection.ask((caller) => listBranches(connection.client, { OrgName: 'acme', RepoName: 'app' }, caller));
    github.requests.length = 0;
    const time = await timed(() => work(connection));
    calls = [...github.requests];
    const floor = await timed(() => repeat(calls));
    // The first round is for the compiler.
    if (round > 0) {
      times.push(time);
      floors.push(floor);
    }
  }
  const [time, floor] = [median(times), median(floors)];
  const perCall = ((time - floor) / calls.length).toFixed(2);
  const figures = `${time.toFixed(1)} ms, floor ${floor.toFixed(1)} ms, ratio ${(time / floor).toFixed(2)}, ${perCall} ms more per call`;
  console.log(`${name}\n  calls made: ${calls.length}; ${figures}`);
}

async function repeat(calls: readonly SeenRequest[]): Promise<void> {
  for (const { method, url, body } of calls) {
    const headers = { authorization: `Bearer ${github.state.token}`, 'content-type': 'application/json' };
    const options = { dispatcher: transport, method: method as 'GET', headers, body: body === '' ? null : body };
    const answer = await request(github.server.url + url, options);
    await answer.body.json();
  }
}

async function repeatListing(): Promise<void> {
  await using connection = connect(github);
  await listAll(connection);
  const before = github.state.quota;
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) times.push(await timed(() => listAll(connection)));
  const used = before - github.state.quota;
  console.log(
    `the same 1,000 branches again, ${rounds} times\n  quota used: ${used}; ${median(times).toFixed(1)} ms each`,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
