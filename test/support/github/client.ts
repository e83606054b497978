import type { Dispatcher } from 'undici';
import { type Caller, withCaller } from '../../../src/github/caller.ts';
import { GithubClient } from '../../../src/github/client.ts';
import type { WithClient } from '../../../src/github/feedback/fetch-feedback.ts';
import { type Logger, silentLogger } from '../../../src/lib/logger.ts';
import { sleep } from '../../../src/lib/sleep.ts';
import { createTransport, type TransportOptions } from '../../../src/plan42/transport.ts';
import type { GithubDouble } from './double.ts';

export interface TestClientOptions extends TransportOptions {
  url?: string;
  logger?: Logger;
  /** Gets how long each wait would have been. */
  onSleep?: (ms: number) => void;
}

/** A client of the double, with a transport of its own. */
export interface TestClient extends AsyncDisposable {
  client: GithubClient;
  withClient: WithClient;
  transport: Dispatcher;
  /** Makes calls with this deadline. */
  ask: <T>(work: (caller: Caller) => Promise<T>, timeoutMs?: number, signal?: AbortSignal) => Promise<T>;
}

export function connect(github: GithubDouble, options: TestClientOptions = {}): TestClient {
  const { url = github.url, logger = silentLogger, onSleep, ...transportOptions } = options;
  const transport = createTransport(transportOptions);
  const client = new GithubClient({
    connection: { url: new URL(url), token: github.state.token },
    transport,
    logger,
    userAgent: 'test/1',
    ...(onSleep && {
      sleep: async (ms, signal) => {
        onSleep(ms);
        await sleep(0, signal);
      },
    }),
  });
  return {
    client,
    withClient: (call) => call(client),
    transport,
    ask: (work, timeoutMs = 10_000, signal) => withCaller(timeoutMs, signal, work),
    [Symbol.asyncDispose]: () => transport.destroy(),
  };
}
