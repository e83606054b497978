export interface Welcome {
  url: string;
  dataDir: string;
  /** Whether the folder has to be named for other commands to find it. */
  explicitData: boolean;
}

/** What `plan42 server start` says: where everything is, and the exact commands for what comes next. */
export function welcome({ url, dataDir, explicitData }: Welcome): string {
  const data = explicitData ? ` --data ${shellWord(dataDir)}` : '';
  return `Plan42 server: ${url}
Data:          ${dataDir}

Connect a runner, in another terminal:
  export PLAN42_RUNNER_URL=${shellWord(url)}
  export PLAN42_RUNNER_TOKEN="$(plan42 server token create${data})"
  plan42 runner exec

or with this in ~/.config/plan42-runner.toml, and the token that
"plan42 server token create${data}" prints:
  [runner]
  url = ${JSON.stringify(url)}
  token = "p42r_..."

Start a task:
  plan42 server task create${data} --image IMAGE --prompt "Say hello." --follow

Ctrl-C stops the server; tasks and tokens stay.
`;
}

/** `text` as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
