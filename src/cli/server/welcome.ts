import { shellQuote } from '../../lib/shell-quote.ts';

export interface Welcome {
  url: string;
  /** Signs in at the web page, once. */
  signInUrl: string;
  dataDir: string;
  /** Whether the folder has to be named for other commands to find it. */
  explicitData: boolean;
}

/** What `plan42 server start` says: where everything is, and the exact commands for what comes next. */
export function welcome({ url, signInUrl, dataDir, explicitData }: Welcome): string {
  const data = explicitData ? ` --data ${shellQuote(dataDir)}` : '';
  return `Plan42 server: ${url}
Data:          ${dataDir}

Its web page; this link signs in once, within an hour ("plan42 server link${data}" prints another):
  ${signInUrl}

Connect a runner, in another terminal:
  plan42 server token create${data} |
    plan42 runner config set runner.url=${shellQuote(url)} runner.token &&
    plan42 runner exec

or with the token that "plan42 server token create${data}" prints:
  plan42 runner config --server ${shellQuote(url)}

or without changing the runner's configuration:
  export PLAN42_RUNNER_URL=${shellQuote(url)}
  export PLAN42_RUNNER_TOKEN="$(plan42 server token create${data})"
  plan42 runner exec

Start a task:
  plan42 server task create${data} --image IMAGE --prompt "Say hello." --follow

Ctrl-C stops the server; tasks and tokens stay.
`;
}
