/**
 * Kills runners and gateways with SIGKILL at random while a job transfers data: nothing escapes, the job goes on and is online
 * again, and nothing is left. PLAN42_WALL_KILLS sets the number of kills per engine, PLAN42_WALL_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { engines } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { killCompanion, processesOf } from './support/processes-of.ts';
import { seededRandom } from './support/random.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { outside, startMachine } from './support/wall/machine.ts';
import { engineNames, prepareEngine } from './support/wall/walled-job.ts';
import { compileWays } from './support/wall/ways/compile-ways.ts';

const kills = Number(process.env['PLAN42_WALL_KILLS'] ?? 6);
const seed = Number(process.env['PLAN42_WALL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const maxPauseMs = 400;

/** Asks for the allowed server by the gateway, and tries to go past it, until it may end. */
const script = `
request='GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n'
while ! test -e /given/end; do
  { printf "$request"; sleep 0.2; } | nc -w 3 127.0.0.1 7043 | grep -q reached && echo online
  /given/ways tcp ${outside.forbidden} 443 && echo escaped
  printf 'GET http://forbidden.test/ HTTP/1.1\\r\\nHost: forbidden.test\\r\\n\\r\\n' | nc -w 1 127.0.0.1 7043 | grep reached && echo escaped
done
echo finished
exit 5
`;

suite('kills', () => {
  for (const name of engineNames) {
    test(`${name}: ${kills} of runners and gateways`, { timeout: 3600_000 }, async (t) => {
      const available = await engines();
      const { images } = available;
      if (!images || !(name === 'docker' ? available.docker : available.podman))
        return t.skip(`missing prerequisite: ${name}`);
      await using dir = await makeTempDir();
      await using machine = await startMachine(AbortSignal.timeout(30_000));
      const ways = await compileWays(dir.path);
      await using engine = await prepareEngine(name, machine, { ...available, images }, ways);
      const job = await engine.makeJob(script);
      const random = seededRandom(seed);
      const online = async () => (await job.log()).split('online').length;
      const isOnlineAgain = async () => {
        const before = await online();
        await eventually(async () => (await online()) > before, 60_000).catch(async (error: unknown) => {
          const ended = await Promise.race([runner.end, delay(0, 'it runs')]);
          assert.fail(`seed ${seed}: ${String(error)}: ${JSON.stringify(ended)}: ${await job.log()}`);
        });
      };
      let runner = job.startRunner();
      await isOnlineAgain();
      for (let round = 0; round < kills; round += 1) {
        await delay(random() * maxPauseMs);
        if (random() < 0.5) {
          runner.kill();
          await runner.end;
          runner = job.startRunner();
        } else {
          await killCompanion(job.egressFolder);
        }
        await isOnlineAgain();
      }
      await writeFile(join(job.given, 'end'), '');
      const end = await runner.end;
      const log = await job.log();
      assert.deepEqual(end, { exitCode: 5 }, `seed ${seed}: ${log}`);
      assert.match(log, /^finished$/m);
      assert.doesNotMatch(log, /escaped/);
      const escapes = machine.hits.filter(({ address, port }) => address !== outside.allowed || port !== 80);
      assert.deepEqual(escapes, []);
      await eventually(async () => (await processesOf(job.egressFolder)).length === 0);
    });
  }
});
