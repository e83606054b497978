/**
 * Package managers behind the wall, unconfigured, in real jobs: each reaches the servers of its preset, and without the preset it
 * fails and shows which host was refused. The names of the presets lead to servers of this test.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, suite, test } from 'node:test';
import { parseConfig } from '../src/config/parse.ts';
import { presets } from '../src/gateway/presets.ts';
import { computePolicy } from '../src/jobs/egress/compute-policy.ts';
import { mirrorPath, mirrorTarget } from '../src/jobs/mirrors/mirror-path.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { pushPackageManagers } from './support/packages/image.ts';
import { makeRepositories, type Repositories } from './support/packages/repositories.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { makeAuthority } from './support/wall/authority.ts';
import { type Machine, startMachine } from './support/wall/machine.ts';
import { prepareEngine } from './support/wall/walled-job.ts';

interface Program {
  name: string;
  preset: keyof typeof presets;
  /** Commands of the job. */
  script: (given: Repositories) => string;
  /** The end of their output, and the requests that reach a server. */
  prints: RegExp;
  requests: string[];
  /** Without the preset: the host, and what the program itself shows. */
  refused: string;
  shows: RegExp;
}

const file = (name: string, content: string) => `cat >${name} <<'END'\n${content}\nEND\n`;
const newFolder = 'cd $(mktemp -d)\n';
const goProject = (goSum: string) =>
  newFolder +
  file('go.mod', 'module example.com/app\n\ngo 1.19\n\nrequire example.com/greeting v1.0.0') +
  file('go.sum', goSum.trim()) +
  file('app.go', 'package main\n\nimport _ "example.com/greeting"');

const mirror = mirrorPath(new URL('https://github.com'), 'acme/app');

const programs: Program[] = [
  {
    name: 'npm',
    preset: 'npm',
    script: ({ packageLock }) =>
      `${newFolder}${file('package.json', '{"dependencies":{"greeting":"1.0.0"}}')}${file('package-lock.json', packageLock)}
      npm ci && node -p 'require("greeting")' && npm view greeting version`,
    prints: /^hello from npm\n1\.0\.0$/m,
    requests: ['GET registry.npmjs.org/greeting/-/greeting-1.0.0.tgz', 'GET registry.npmjs.org/greeting'],
    refused: 'registry.npmjs.org:443',
    shows: /npm error.*refused registry\.npmjs\.org:443/,
  },
  {
    name: 'pip',
    preset: 'pypi',
    script: () => `python3 -m pip install greeting && python3 -c 'import greeting; print(greeting.text)'`,
    prints: /^hello from pip$/m,
    requests: ['GET pypi.org/simple/greeting/', 'GET files.pythonhosted.org/greeting-1.0.0-py3-none-any.whl'],
    refused: 'pypi.org:443',
    shows: /Tunnel connection failed: 403 .*refused pypi\.org:443/,
  },
  {
    name: 'apt-get',
    preset: 'debian',
    script: () =>
      `apt-get update && apt-get install --yes greeting && cat /usr/share/greeting.txt || { apt-get update 2>&1 | cat; exit 100; }`,
    prints: /^hello from apt$/m,
    requests: [
      'GET deb.debian.org/debian/dists/stable/Release',
      'GET deb.debian.org/debian/pool/main/g/greeting/greeting_1.0.0_all.deb',
    ],
    refused: 'deb.debian.org:80',
    shows: /403 .*refused deb\.debian\.org:80/,
  },
  {
    name: 'go',
    preset: 'go',
    script: ({ goSum }) =>
      `${goProject(goSum)}go mod download && cat $(go list -m -f '{{.Dir}}' example.com/greeting)/greeting.go && go get example.com/greeting@v1.0.0`,
    prints: /hello from go/,
    requests: ['GET proxy.golang.org/example.com/greeting/@v/v1.0.0.zip'],
    refused: 'proxy.golang.org:443',
    shows: /refused proxy\.golang\.org:443/,
  },
  {
    name: 'git',
    preset: 'github',
    script: () => `${newFolder}git clone https://github.com/acme/app.git && cd app &&
      git config user.name Ann && git config user.email ann@example.com && echo more >>README.md &&
      head -c 3000000 /dev/urandom >large && git add . && git commit --quiet -m More &&
      git push origin HEAD:refs/heads/$(cat /proc/sys/kernel/random/uuid) && echo pushed`,
    prints: /^pushed$/m,
    requests: ['POST github.com/acme/app.git/git-upload-pack', 'POST github.com/acme/app.git/git-receive-pack'],
    refused: 'github.com:443',
    shows: /CONNECT tunnel failed, response 403/,
  },
  {
    name: 'git with the mirror of the runner',
    preset: 'github',
    script:
      () => `${newFolder}git clone --quiet --single-branch --reference ${mirrorTarget}/${mirror} https://github.com/acme/app.git &&
      git -C app cat-file -e HEAD:README.md && git -C app count-objects -v`,
    // All objects are those of the mirror. Other programs of this test push to other branches.
    prints: /^count: 0\n[\s\S]*^in-pack: 0\n[\s\S]*^alternate: .*app/m,
    requests: ['POST github.com/acme/app.git/git-upload-pack'],
    refused: 'github.com:443',
    shows: /CONNECT tunnel failed, response 403/,
  },
  {
    name: 'git-lfs',
    preset: 'github',
    script: () => `${newFolder}git clone --quiet https://github.com/acme/app.git first && cd first &&
      git config user.name Ann && git config user.email ann@example.com && git lfs install --local && git lfs track '*.bin' &&
      head -c 3000000 /dev/urandom >large.bin && git add . && git commit --quiet -m More &&
      branch=$(cat /proc/sys/kernel/random/uuid) && git push origin HEAD:refs/heads/$branch && cd .. &&
      git clone --quiet --no-checkout --branch $branch https://github.com/acme/app.git second && cd second &&
      git lfs install --local && git checkout --quiet $branch && cmp large.bin ../first/large.bin && echo the same contents`,
    prints: /^the same contents$/m,
    requests: ['POST github.com/acme/app.git/info/lfs/objects/batch'],
    refused: 'github.com:443',
    shows: /CONNECT tunnel failed, response 403/,
  },
  {
    name: 'curl',
    preset: 'github',
    script: () => `${newFolder}head -c 20000000 /dev/zero >large
      curl -fsS https://github.com/hello.txt http://github.com/hello.txt &&
      curl -fsS -T large https://github.com/put && curl -fsS -T large http://github.com/put &&
      cat large | curl -fsS -T - http://github.com/put`,
    prints: /^hello\nhello\n20000000 bytes\n20000000 bytes\n20000000 bytes$/m,
    requests: ['GET github.com/hello.txt', 'PUT github.com/put'],
    refused: 'github.com:443',
    // Depends on its version: only some say that it was the proxy.
    shows: /curl: \(\d+\) .*403/,
  },
];

/** Runs scripts side by side, and prints how each ended, with its output. */
function allOf(scripts: readonly string[]): string {
  const run = scripts.map((script, n) => `( ${script}\n) >/tmp/output-${n} 2>&1 & pid_${n}=$!\n`);
  const show = scripts.map((_, n) => `wait $pid_${n}; echo "program ${n} ended with $?"; cat /tmp/output-${n}\n`);
  return [...run, ...show].join('');
}

interface Shared {
  machine: Machine;
  image: string;
  caFile: string;
  given: Repositories;
  /** The folder of the mirrors of the runner. */
  mirrors: string;
  /** Requests that reached a server. */
  requests: Set<string>;
}

const undo = new AsyncDisposableStack();
after(() => undo.disposeAsync());
let shared: Promise<Shared> | undefined;
const setUp = (registry: string) =>
  (shared ??= (async () => {
    const signal = AbortSignal.timeout(60_000);
    const dir = undo.use(await makeTempDir());
    const folder = join(dir.path, 'servers');
    await mkdir(join(folder, 'www'), { recursive: true });
    const names = Object.values(presets).flatMap(({ hosts }) => hosts.filter((host) => !host.startsWith('*')));
    const [image, given, { caFile }, machine] = await Promise.all([
      pushPackageManagers(registry, join(dir.path, 'image'), signal),
      makeRepositories(join(folder, 'www'), join(dir.path, 'work')),
      makeAuthority(folder, names),
      startMachine(signal, { names, hasServers: false }).then((started) => undo.use(started)),
    ]);
    const requests = await startServers(machine, folder);
    const mirrors = join(dir.path, 'mirrors');
    const clone = [
      'env',
      '-u',
      'https_proxy',
      '-u',
      'HTTPS_PROXY',
      `GIT_SSL_CAINFO=${caFile}`,
      'git',
      'clone',
      '--quiet',
      '--mirror',
    ];
    const [command = '', ...args] = machine.command([
      ...clone,
      'https://github.com/acme/app.git',
      join(mirrors, mirror),
    ]);
    await run(command, args);
    return { machine, image, caFile, given, mirrors, requests };
  })());

async function startServers(machine: Machine, folder: string): Promise<Set<string>> {
  const server = join(import.meta.dirname, 'support/packages/serve.ts');
  const [command = '', ...args] = machine.beyond([process.execPath, server, folder]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  undo.defer(() => void child.kill('SIGKILL'));
  const requests = new Set<string>();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('exit', () => reject(new Error('the servers ended')));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'listening') resolve();
    else requests.add(line);
  });
  await promise;
  return requests;
}

function policyFor(hosts: string[]) {
  const { config } = parseConfig({ file: '', env: {}, flags: new Map() });
  const serverUrl = new URL('https://plan42.example');
  const { policy } = computePolicy({
    jobId: 'job',
    config,
    allowedHosts: hosts,
    serverUrl,
    github: undefined,
    env: {},
  });
  return policy ?? assert.fail('the job has no wall');
}

for (const name of ['docker', 'podman'] as const) {
  suite(name, () => {
    test('package managers work behind the wall, and show which host was refused', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('missing prerequisite: root');
      const engines = await requires(t, name, 'registry');
      if (!engines || !(await requiresCommands(t, 'npm', 'go', 'python3', 'apt-get', 'openssl', 'git-lfs'))) return;
      const { machine, image, caFile, given, mirrors, requests } = await setUp(engines.registry);
      requests.clear();
      await using prepared = await prepareEngine(name, machine, {
        ...engines,
        images: { ...engines.images, agent: image },
      });
      const mounts = [{ source: mirrors, target: mirrorTarget, isReadOnly: true, relabel: true }];
      const config = `ca_file = "${caFile}"\n`;
      const runJob = (script: string, host: string) =>
        prepared.runJob(script, { policy: policyFor([host]), config, mounts });
      const [refused, ...allowed] = await Promise.all([
        runJob(allOf(programs.map(({ script }) => script(given))), 'example.org'),
        ...programs.map(({ preset, script }) => runJob(script(given), preset)),
      ]);
      for (const [index, program] of programs.entries()) {
        await t.test(`${program.name} with the preset ${program.preset}`, () => {
          const end = allowed[index];
          assert.ok(end && 'exitCode' in end && end.exitCode === 0, JSON.stringify(end));
          assert.match(end.log, program.prints);
          for (const request of program.requests) assert.ok(requests.has(request), request);
        });
        await t.test(`${program.name} without it`, () => {
          const [, shown = ''] = refused.log.split(`program ${index} ended with `);
          assert.match(shown, /^[1-9]/, refused.log);
          assert.match(shown.split(/^program \d/m)[0] ?? '', program.shows);
          assert.ok(refused.log.includes(`plan42: network: refused ${program.refused}: no entry allows this host`));
        });
      }
      await run(name, ['rmi', '--force', image], { env: engines[name].env }).catch(() => {});
    });
  });
}
