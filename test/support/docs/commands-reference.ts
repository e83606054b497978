/** The set-up of the examples in docs/reference/commands.md, which is generated and has no place for it. */
import type { Page } from './page.ts';
import type { Replacements } from './run-page.ts';

const values = {
  'https://api.example.com': 'http://127.0.0.1:$PORT',
  'runner.runtime=podman': 'runner.runtime=host',
  '8f46cade': '$task',
  '2b1d0a77': '$other_task',
  'revoke 583122a6': 'revoke $token',
  'revoke P42K7YVLMJEX': 'revoke "$AWS_ACCESS_KEY_ID"',
  '583122a6': '$third_task',
  '3b1d0a77': '$file',
  'environment delete website': 'environment delete website --force',
  // Needs an engine and registries; test/agent-image.test.ts builds.
  'plan42 agent build': 'plan42 agent build --help',
  // Needs GitHub; its unit test has a runner that responds.
  'plan42 server connection check': 'plan42 server connection check --help',
  'logs ID': 'logs "$task"',
  '/var/lib/plan42-server': './restored-data',
  '/backup/': './backup/',
};

const makeRepository = `
  git init --quiet repository && cd repository
  echo a >a && git add a && git -c user.name=me -c user.email=me@example.com commit --quiet -m a && echo b >a`;

/** The examples of `plan42 run` and `plan42 task` need a repository and a task in it. */
const beforeRun = {
  '*': `
if [[ ! -e a ]]; then${makeRepository}
  personal=$(plan42 run --detach "Hello") && plan42 task follow "$personal"
fi
task=$personal`,
  'plan42 task cancel': 'task=$(plan42 run --detach "Wait")',
  'plan42 task message': 'task=$(plan42 run --detach "Wait")',
};

/** Most others need a server with a finished task, and a running runner. */
const beforeOthers = {
  '*': `
if [[ ! -e config.toml ]]; then${makeRepository}
  mkdir -p backup ~/.config/fish/completions
  start_all
  cp ~/.config/plan42-runner.toml ~/.config/plan42-runner.toml.good
  echo 'Find the error.' >task.md
  token=$(plan42 server token create 2>&1 >token.txt | sed -n 's/^Token \\([^ ]*\\) .*/\\1/p')
  eval "$(plan42 server access-key create)"
  make_certificate
  export API_KEY=secret
  touch ~/config.toml config.toml
  finished=$(plan42 server task create --image me/agent:1 --prompt 'Find the error.')
  plan42 server task follow "$finished"
  echo 'npm ci' >setup.sh && echo secret >key.txt && echo pixels >screenshot.png
  file=$(plan42 server file upload screenshot.png)
  plan42 server environment create website --image me/agent:9
fi
if ! cmp --quiet ~/.config/plan42-runner.toml ~/.config/plan42-runner.toml.good; then
  cp ~/.config/plan42-runner.toml.good ~/.config/plan42-runner.toml
fi
task=$finished
if [[ $server_args != "--listen 127.0.0.1:$PORT" ]]; then start_server; fi`,
  'plan42 runner job kill': `
task=$(plan42 server task create --image me/agent:1 --prompt '[sleep 60]')
until plan42 runner job list | grep -q "$task"; do :; done`,
  'plan42 runner config unset': 'plan42 runner config set jobs.max_jobs=3 github.work.name=work',
  'plan42 server task cancel': `task=$(plan42 server task create --image me/agent:1 --prompt '[sleep 60]')`,
  'plan42 server task message': `task=$(plan42 server task create --image me/agent:1 --prompt '[sleep 60]')`,
  'plan42 server task create': 'plan42 server environment create website --image me/agent:9 >/dev/null 2>&1 || true',
  'plan42 server environment create': 'plan42 server environment delete website --force 2>/dev/null || true',
  'plan42 server connection delete': 'plan42 server connection create customer 2>/dev/null || true',
  'plan42 server task delete': `
for name in task other_task third_task; do
  read -r "$name" < <(plan42 server task create --image me/agent:1 --prompt 'Hello.')
done
plan42 server task follow "$task"`,
  // As a service, the server would write it there.
  'plan42 server logs':
    'mkdir -p ~/.local/state/plan42-server; cp ~/server.log ~/.local/state/plan42-server/server.log',
  'plan42 server file download': 'rm -f screenshot.png',
  'plan42 server restore': 'stop_server',
};

/** Parts of the page that need nothing of each other, so that they can run at the same time. */
export function commandsReferenceParts(page: Page): { name: string; page: Page; replacements: Replacements }[] {
  const part = (name: string, includes: (heading: string) => boolean, before: Replacements['before']) => ({
    name,
    page: { ...page, blocks: page.blocks.filter(({ heading }) => includes(heading)) },
    replacements: { values, ...(before && { before }) },
  });
  const isRun = (heading: string) => /^plan42 (run|task)\b/.test(heading);
  return [
    part('plan42 server …, plan42 runner …', (heading) => !isRun(heading), beforeOthers),
    part('plan42 run, plan42 task', isRun, beforeRun),
  ];
}
