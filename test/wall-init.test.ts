/** The program `init` of the wall in real containers: what it leaves as it is, what it refuses, and its forwarder. */
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { rootlessPodman } from './support/wall/rootless.ts';
import { startWalled, type Walled, type WalledOptions } from './support/wall/walled.ts';
import { engineNames } from './support/wall/walled-job.ts';

const client = join(import.meta.dirname, 'support/wall/client.mjs');

const echo = (socket: Socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
};

for (const name of engineNames) {
  suite(name, { concurrency: 2 }, () => {
    const start = async (t: TestContext, given: Partial<WalledOptions>): Promise<Walled | undefined> => {
      const own = name === 'docker' ? name : 'podman';
      const engines = await requires(t, own, 'registry');
      if (!engines) return undefined;
      const rootless = name === 'rootless podman' ? await rootlessPodman(engines) : undefined;
      // Both streams, in any order.
      const both = ['sh', '-c', 'exec "$@" 2>&1', 'sh'];
      const engine = (...args: string[]) => {
        const { command, env } = rootless?.command(...args) ?? { command: [own, ...args], env: engines[own].env };
        return run('env', [...(args[0] === 'logs' ? both : []), ...command], { env });
      };
      const command = given.command ?? ['/bin/sleep', '60'];
      return startWalled({
        engine,
        // Podman's private set-up keeps logs only with this driver.
        logOptions: own === 'podman' ? ['--log-driver', 'k8s-file'] : [],
        image: engines.images.agent,
        onConnection: echo,
        ...given,
        command,
      });
    };
    const use = async (walled: Walled, ...args: string[]) =>
      JSON.parse(await walled.inNetwork(process.execPath, client, ...args));

    test('the agent is process 1, with its arguments, user and exit code', async (t) => {
      const script = 'echo "$$ <$1> <$2> $(id -u) $(cat /proc/1/comm)"; exit 7';
      const command = ['/bin/sh', '-c', script, 'name', 'two words', ''];
      await using walled = await start(t, { command, options: ['--user', '1000:1000'] });
      if (!walled) return;
      const { exitCode, output } = await walled.exit();
      assert.deepEqual([exitCode, output], [7, '1 <two words> <> 1000 sh\n']);
    });

    test('the agent gets signals, and its descendants see nothing of the forwarder’s streams', async (t) => {
      const script = `trap 'echo got it; exit 9' TERM; echo begun; while :; do sleep 0.05; done`;
      await using walled = await start(t, { command: ['/bin/sh', '-c', script] });
      if (!walled) return;
      await walled.kill('TERM');
      // Before the trap is set, process 1 ignores the signal.
      const again = setInterval(() => void walled.kill('TERM').catch(() => {}), 200);
      const { exitCode, output } = await walled.exit();
      clearInterval(again);
      assert.deepEqual([exitCode, output], [9, 'begun\ngot it\n']);
    });

    test('a forwarder ignores a request to end, and one that is killed takes only the agent offline', async (t) => {
      const ask = 'echo hello | nc -w 3 127.0.0.1 7043';
      const script = `${ask}; kill -TERM $(pidof plan42-forward); ${ask}; kill -KILL $(pidof plan42-forward); sleep 0.2; ${ask}; echo end`;
      await using walled = await start(t, { command: ['/bin/sh', '-c', script] });
      if (!walled) return;
      const { output } = await walled.exit();
      assert.equal(output.match(/hello/g)?.length, 2, output);
      assert.match(output, /^end$/m);
    });

    test('a program that is missing is reported, as engines do', async (t) => {
      await using walled = await start(t, { command: ['/bin/missing', 'x'] });
      if (!walled) return;
      const { exitCode, output } = await walled.exit();
      assert.deepEqual(
        [exitCode, output],
        [127, 'plan42-wall: cannot start /bin/missing: no such file or directory\n'],
      );
    });

    // In a container, such as this machine can be, users have no /dev/net/tun for a network of their own.
    const network = { docker: 'bridge', podman: 'slirp4netns', 'rootless podman': 'host' }[name];
    for (const [what, given, reason] of [
      ['a network', { network }, /has the network interface /],
      ['the machine’s network', { network: 'host' }, /has the network interface /],
      ['NET_ADMIN', { options: ['--cap-add', 'NET_ADMIN'] }, /capability that opens networks, number 12/],
      ['SYS_ADMIN', { options: ['--cap-add', 'SYS_ADMIN'] }, /capability that opens networks, number 21/],
    ] as const) {
      test(`a container with ${what} is refused before the agent runs`, async (t) => {
        await using walled = await start(t, { command: ['/bin/echo', 'ran'], ...given });
        if (!walled) return;
        const { exitCode, output } = await walled.exit();
        assert.equal(exitCode, 125, output);
        assert.match(output, reason);
        assert.doesNotMatch(output, /ran\n/);
      });
    }

    test('a folder with the socket of a program that has ended is no reason to refuse', async (t) => {
      await using dir = await makeTempDir();
      await chmod(dir.path, 0o755);
      const listen =
        'require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
      await run('sh', ['-c', '"$@" || true', 'sh', process.execPath, '-e', listen, join(dir.path, 'dead.sock')]);
      const options = ['--volume', `${dir.path}:/given`];
      await using walled = await start(t, {
        command: ['/bin/sh', '-c', 'test -S /given/dead.sock && echo ran'],
        options,
      });
      if (!walled) return;
      const { exitCode, output } = await walled.exit();
      assert.deepEqual([exitCode, output], [0, 'ran\n']);
    });

    test('a forwarder passes on half-closes, large streams and resets, and waits for a slow gateway', async (t) => {
      const gateway = (socket: Socket) => {
        socket.on('error', () => {});
        socket.once('data', (data) => {
          if (String(data) === 'x') socket.destroy();
          else if (String(data) === 'question') socket.on('end', () => socket.end('after the end'));
          else socket.pause();
        });
      };
      await using walled = await start(t, { onConnection: gateway });
      if (!walled) return;
      assert.deepEqual(await use(walled, 'half-close'), { answer: 'after the end' });
      const { written } = await use(walled, 'back-pressure');
      assert.ok(written > 0 && written < 32 << 20, `${written}`);
      const { outcome } = await use(walled, 'reset');
      assert.ok(['end', 'ECONNRESET', 'EPIPE'].includes(outcome), outcome);
    });

    test('a forwarder serves 10,000 connections at once, and a large stream after them', async (t) => {
      const open = new Set<Socket>();
      const gateway = (socket: Socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
        echo(socket);
      };
      await using walled = await start(t, { onConnection: gateway });
      if (!walled) return;
      assert.deepEqual(await use(walled, 'many', '10000'), { right: 10_000 });
      await eventually(async () => open.size === 0);
      assert.deepEqual(await use(walled, 'large'), { received: 64 << 20 });
    });
  });
}
