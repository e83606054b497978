import { shellQuote } from '../../lib/shell-quote.ts';

export interface Welcome {
  url: string;
  /** Signs in at the web page, once; undefined where it would end up in a log. */
  signInUrl: string | undefined;
  dataDir: string;
  /** Whether the folder has to be named for other commands to find it. */
  explicitData: boolean;
  /** PEM file of the authority that a runner has to be told of; undefined where the server's certificate needs none. */
  caFile: string | undefined;
}

/** What `plan42 server start` says: where everything is, and the exact commands for what comes next. */
export function welcome({ url, signInUrl, dataDir, explicitData, caFile }: Welcome): string {
  const data = explicitData ? ` --data ${shellQuote(dataDir)}` : '';
  const server = shellQuote(url);
  const authority = caFile === undefined ? '' : shellQuote(caFile);
  return `Plan42 server: ${url}
Data:          ${dataDir}

${webPage(signInUrl, data)}
${authority === '' ? '' : authorityNote(authority)}
Connect a runner, in another terminal:
  plan42 server token create${data} |
    plan42 runner config set runner.url=${server}${authority === '' ? '' : ` network.ca_file=${authority}`} runner.token &&
    plan42 runner exec

or with the token that "plan42 server token create${data}" prints:
${authority === '' ? '' : `  plan42 runner config set network.ca_file=${authority}\n`}  plan42 runner config --server ${server}

or without changing the runner's configuration:
${authority === '' ? '' : `  export PLAN42_NETWORK_CA_FILE=${authority}\n`}  export PLAN42_RUNNER_URL=${server}
  export PLAN42_RUNNER_TOKEN="$(plan42 server token create${data})"
  plan42 runner exec

Start a task:
  plan42 server task create${data} --image IMAGE --prompt "Say hello." --follow

Ctrl-C stops the server; tasks and tokens stay.
`;
}

// Whoever reads it can sign in, and what is no terminal is a log or a journal as a rule.
function webPage(signInUrl: string | undefined, data: string): string {
  if (signInUrl === undefined) return `Its web page: "plan42 server link${data}" prints a link that signs in.\n`;
  return `Its web page; this link signs in once, within an hour ("plan42 server link${data}" prints another):
  ${signInUrl}
`;
}

function authorityNote(authority: string): string {
  return `Its certificate is trusted by way of network.ca_file=${authority}: on another machine, a copy of that file.
`;
}
