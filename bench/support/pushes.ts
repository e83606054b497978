/** Pushes of git to a repository of the task: directly, and through the gateway of a job that limits them, in turns. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { run } from '../../test/support/engines/processes.ts';
import { median } from './median.ts';

export interface PushOptions {
  /** For the clone and the authority. */
  folder: string;
  /** The socket of the gateway. */
  socket: string;
  /** That of the repository, without a token. */
  url: URL;
  /** PEM of those that git trusts. */
  authorities: string;
  /** Direct pushes have the token, the others its placeholder. */
  token: string;
  placeholder: string;
  /** A push to it is allowed. */
  branch: string;
  rounds: number;
}

/** The medians in milliseconds. */
export async function measurePushes(options: PushOptions): Promise<{ direct: number; limited: number }> {
  const { folder, socket, url, authorities, token, placeholder, branch, rounds } = options;
  const proxy = createServer((client) => {
    const way = connect(socket);
    client.pipe(way).pipe(client);
    client.on('error', () => way.destroy());
    way.on('error', () => client.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as AddressInfo;
  const authority = join(folder, 'authorities.pem');
  await writeFile(authority, authorities);
  const clone = join(folder, 'clone');
  const base = { HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_SSL_CAINFO: authority, GIT_TERMINAL_PROMPT: '0' };
  const names = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
  const git = (args: string[], env: Record<string, string> = {}) =>
    run('git', args, { env: { ...base, ...names, ...env } });
  const withToken = (password: string) => Object.assign(new URL(url), { username: 'x-access-token', password }).href;
  const ways = {
    direct: { remote: withToken(token), env: { NO_PROXY: '*', no_proxy: '*' } },
    limited: {
      remote: withToken(placeholder),
      env: {
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
        https_proxy: `http://127.0.0.1:${port}`,
        NO_PROXY: '',
        no_proxy: '',
      },
    },
  };
  const times = { direct: [] as number[], limited: [] as number[] };
  try {
    await git(['clone', '--quiet', ways.direct.remote, clone], ways.direct.env);
    for (let round = 0; round < rounds; round += 1) {
      for (const way of ['direct', 'limited'] as const) {
        await git(['-C', clone, 'commit', '--quiet', '--allow-empty', '-m', 'Work']);
        const start = performance.now();
        await git(['-C', clone, 'push', '--quiet', ways[way].remote, `HEAD:refs/heads/${branch}`], ways[way].env);
        times[way].push(performance.now() - start);
      }
    }
    // Otherwise, nothing limits what was measured.
    const isRefused = await git(
      ['-C', clone, 'push', '--quiet', ways.limited.remote, 'HEAD:main'],
      ways.limited.env,
    ).then(
      () => false,
      () => true,
    );
    if (!isRefused) throw new Error('pushes are not limited, so there is nothing to measure');
  } finally {
    proxy.close();
  }
  return { direct: median(times.direct), limited: median(times.limited) };
}
