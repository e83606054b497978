import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChosenAgent, chooseAgent } from './choose-agent.ts';
import { renderDockerfile } from './dockerfile.ts';
import { parseProbe } from './probe-base.ts';

const agent: ChosenAgent = {
  name: 'some',
  packages: { npm: ['@some/agent'], pip: ['some-tool'], apt: ['bubblewrap'] },
  keys: [],
  variables: { PLAN42_AGENT: 'some' },
  ...{ programs: ['some'], isInstalled: true, isOurs: false },
};
const debian = 'has apt-get\nhas bash\nhas npm\nnode 24.1.0\nuser node /home/node\nend\n';
const render = (probe: string, packages: string[] = []) =>
  renderDockerfile({ agent, base: parseProbe('base:1', probe), packages });

test('what the base has decides what is installed', () => {
  const file = render(debian, ['jq']);
  assert.match(file, /^FROM base:1\nUSER root\n/);
  assert.match(file, /apt-get install .* git ca-certificates curl ripgrep unzip python3 python3-venv bubblewrap jq &&/);
  assert.ok(!file.includes('COPY --from'));
  assert.match(file, /npm install --global @some\/agent/);
  assert.match(file, /pip install --no-cache-dir some-tool/);
  assert.match(file, /chown 1000 \/workspace\nENV HOME=\/home\/node\nWORKDIR \/workspace\nUSER 1000\n$/);
});

test('Node.js is copied if the base has none, or an old one, for its C library', () => {
  const alpine = render('has apk\nhas git\nend\n');
  assert.match(alpine, /apk add --no-cache bash ca-certificates curl ripgrep unzip libstdc\+\+ python3/);
  assert.match(alpine, /# The base has no Node\.js\.\nCOPY --from=\S+alpine \/usr\/local\/bin\/node/);
  assert.match(alpine, /adduser|agent:x:1000/);
  const old = render('has apt-get\nnode 18.2.0\nend\n');
  assert.match(old, /# Node\.js 18 of the base is too old for agents\.\nCOPY --from=\S+slim/);
});

test('Node.js is copied if that of the base does not start, and the reason is there', () => {
  const problem = 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file';
  const file = render(`has apt-get\nnodeProblem ${problem}\nend\n`);
  assert.match(file, /# The Node\.js of the base does not start: node: error .* libatomic\.so\.1: .*\nCOPY --from=/);
  assert.ok(!render(`has apt-get\nnode 24.1.0\nnodeProblem warning\nend\n`).includes('does not start'));
});

test('npm is copied if the base has Node.js only', () => {
  const file = render('has apt-get\nnode 24.1.0\nend\n');
  assert.match(
    file,
    /\nCOPY --from=\S+slim \S+\/npm \/opt\/plan42\/npm\n.*\n.*\/opt\/plan42\/npm\/bin\/npm-cli\.js .*\n/,
  );
  assert.ok(!file.includes('bin/node'), 'its own Node.js stays');
});

test('a base without package manager must have what the agent needs', () => {
  assert.throws(() => render('has git\nend\n'), /cannot install bubblewrap, some-tool: base:1 has no package manager/);
});

test('the command of a custom agent is quoted', async () => {
  const custom = await chooseAgent({ agent: 'custom', command: '["a", "$HOME", "\\\\"]' });
  const base = parseProbe('base:1', 'has git\nnode 22.0.0\nend\n');
  const file = renderDockerfile({ agent: custom, base, packages: [] });
  assert.match(file, /^ENV PLAN42_AGENT_COMMAND="\[\\"a\\", \\"\\\$HOME\\", \\"\\\\\\\\\\"\]"$/m);
});

test('an agent that is not known is refused, with the names of those that are', async () => {
  for (const [choice, reason] of [
    [{ agent: 'clade' }, /there is no agent "clade"/],
    [{ agent: 'custom' }, /has no command/],
    [{ agent: 'custom', command: 'x', protocol: 'y' }, /there is no protocol "y"/],
    [{ agent: 'custom', command: 'x\ny' }, /more than one line/],
    [{ agent: 'aider', command: 'x' }, /are for --agent custom/],
    [{ agent: './no-such-file.mjs' }, /cannot load the adapter .*no-such-file\.mjs/],
  ] as const)
    await assert.rejects(chooseAgent(choice), reason);
});
