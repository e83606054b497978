import { shellQuote } from '../../../lib/shell-quote.ts';

export interface Welcome {
  url: string;
  /** Signs in to the web page once; undefined if it would end up in a log. */
  signInUrl: string | undefined;
  dataDir: string;
  /** Whether other commands need --data to find the folder. */
  explicitData: boolean;
  /** PEM file of the authority that a runner must be configured with; undefined if it needs none. */
  caFile: string | undefined;
}

/** The output of `plan42 server start`: locations, and the exact commands for the next steps. */
export function welcome({ url, signInUrl, dataDir, explicitData, caFile }: Welcome): string {
  const data = explicitData ? ` --data ${shellQuote(dataDir)}` : '';
  const server = shellQuote(url);
  const authority = caFile === undefined ? '' : shellQuote(caFile);
  return `Plan42 server: ${url}
Data:          ${dataDir}

${webPage(signInUrl, data)}${authority === '' ? '' : `\n${authorityNote(authority)}`}
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

Ctrl-C stops the server. Tasks and tokens are kept.
`;
}

// Anyone who reads the link can sign in, and output that is not a terminal usually ends up in a log.
function webPage(signInUrl: string | undefined, data: string): string {
  if (signInUrl === undefined) return `Web page: "plan42 server link${data}" prints a link that signs in.\n`;
  return `Web page; this link signs in once, within an hour ("plan42 server link${data}" prints another):
  ${signInUrl}
`;
}

function authorityNote(authority: string): string {
  return `Runners trust its certificate with network.ca_file=${authority}. On another machine, use a copy of that file.
`;
}
