/**
 * Stands in for macOS's launchctl: the verbs that we use, with the texts and exit codes of macOS 14. What launchd knows lies in
 * the folder $FAKE_LAUNCHD; a process of its own (`keep`) runs each service, as launchd does, so that nothing here is synchronous
 * that isn't there.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../job-folder.ts';
import { type PlistValue, readPlist } from './plist.ts';

interface Service {
  path: string;
  keeper: number;
  pid?: number;
  runs: number;
  lastExit?: string;
  leaving?: boolean;
}

const folder = process.env['FAKE_LAUNCHD'] ?? '';
const owner = Number(process.env['FAKE_LAUNCHD_OWNER']);
const throttleMs = Number(process.env['FAKE_LAUNCHD_THROTTLE_MS'] ?? 10_000);
const [verb = '', ...args] = process.argv.slice(2);
const domain = `gui/${process.env['FAKE_LAUNCHD_UID'] ?? '501'}`;
const uid = domain.slice(4);

const file = (name: string) => join(folder, name);
const isDisabled = (label: string) => existsSync(file(`${label}.disabled`));

function load(label: string): Service | undefined {
  const path = file(`${label}.json`);
  try {
    const service = JSON.parse(readFileSync(path, 'utf8')) as Service;
    return isAlive(service.keeper) ? service : undefined;
  } catch {
    return undefined;
  }
}

// Renamed into place, since others read it at any time.
function save(label: string, service: Service): void {
  replace(`${label}.json`, JSON.stringify(service));
}

function replace(name: string, content: string): void {
  writeFileSync(file(`${name}.${process.pid}`), content);
  renameSync(file(`${name}.${process.pid}`), file(name));
}

function forget(label: string): void {
  for (const suffix of ['print', 'json']) rmSync(file(`${label}.${suffix}`), { force: true });
}

function fail(exitCode: number, text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}

function requireDomain(target: string): string {
  if (existsSync(file('no-session')) || !target.startsWith(domain)) {
    if (verb === 'print') fail(113, `Bad request.\nCould not find domain for user gui: ${uid}`);
    fail(
      125,
      `${verb === 'bootstrap' ? 'Bootstrap' : 'Boot-out'} failed: 125: Domain does not support specified action`,
    );
  }
  return target.slice(domain.length + 1);
}

function requireService(target: string): [string, Service] {
  const label = requireDomain(target);
  const service = load(label);
  if (service !== undefined) return [label, service];
  fail(113, `Bad request.\nCould not find service "${label}" in domain for user gui: ${uid}`);
}

const verbs: Record<string, (target: string, path: string) => Promise<void> | void> = {
  async bootstrap(target, path) {
    requireDomain(target);
    if (!existsSync(path)) fail(2, 'Bootstrap failed: 2: No such file or directory');
    const label = basename(path, '.plist');
    const known = load(label);
    if (known?.leaving) fail(37, 'Bootstrap failed: 37: Operation already in progress');
    if (known)
      fail(5, 'Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.');
    if (existsSync(file('busy'))) {
      rmSync(file('busy'));
      fail(5, 'Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.');
    }
    if (isDisabled(label)) fail(119, 'Bootstrap failed: 119: Service is disabled');
    const keeper = spawn(process.execPath, [...process.execArgv, import.meta.filename, 'keep', label, path], {
      detached: true,
      stdio: 'ignore',
    });
    save(label, { path, keeper: keeper.pid ?? 0, runs: 0 });
    keeper.unref();
  },

  async bootout(target) {
    const label = requireDomain(target);
    const service = load(label);
    if (service === undefined) fail(3, 'Boot-out failed: 3: No such process');
    if (!service.leaving) {
      save(label, { ...service, leaving: true });
      process.kill(service.keeper, 'SIGTERM');
    }
    // A service that exits quickly has exited when launchctl returns; launchctl does not wait longer.
    await sleep(50);
    if (load(label) !== undefined) fail(36, 'Boot-out failed: 36: Operation now in progress');
  },

  enable: (target) => rmSync(file(`${requireDomain(target)}.disabled`), { force: true }),
  disable: (target) => writeFileSync(file(`${requireDomain(target)}.disabled`), ''),

  async kickstart(flags, target) {
    const [label, service] = requireService(target);
    if (flags.includes('k') && service.pid !== undefined) process.kill(service.pid, 'SIGKILL');
    process.kill(service.keeper, 'SIGUSR1');
    for (;;) {
      const { pid } = load(label) ?? {};
      if (pid !== undefined && pid !== service.pid) {
        if (flags.includes('p')) process.stdout.write(`service spawned with pid: ${pid}\n`);
        return;
      }
      await sleep(20);
    }
  },

  print(target) {
    if (target === domain) {
      requireDomain(target);
      process.stdout.write(`${domain} = {\n\ttype = user login domain\n}\n`);
      return;
    }
    const [label, service] = requireService(target);
    process.stdout.write(printed(label, service));
  },

  keep,
};

/** Runs the service as long as launchd knows it. */
async function keep(label: string, path: string): Promise<void> {
  const plist = readPlist(path) as {
    ProgramArguments: string[];
    EnvironmentVariables?: Record<string, string>;
    StandardErrorPath: string;
    ExitTimeOut: number;
  } & Record<string, PlistValue>;
  const [program = '', ...argv] = plist.ProgramArguments;
  let leaving = false;
  let wake = () => {};
  process.on('SIGUSR1', () => wake());
  // From here on, this process removes it again.
  const tell = (service: Service) => {
    replace(`${label}.print`, printed(label, service));
    save(label, service);
  };
  // A killed test would leave it running indefinitely.
  let kill = () => {};
  setInterval(() => {
    if (isAlive(owner)) return;
    kill();
    process.exit();
  }, 1000).unref();
  for (let runs = 1; ; runs += 1) {
    const child = spawn(program, argv, {
      env: { HOME: process.env['HOME'], PATH: '/usr/bin:/bin:/usr/sbin:/sbin', ...plist.EnvironmentVariables },
      stdio: ['ignore', 'ignore', openSync(plist.StandardErrorPath, 'a')],
    });
    kill = () => child.kill('SIGKILL');
    const ended = new Promise<string>((resolve) => {
      child.on('exit', (code, signal) => resolve(code === null ? `signal ${signal}` : String(code)));
    });
    const leave = () => {
      leaving = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), plist.ExitTimeOut * 1000).unref();
      wake();
    };
    process.removeAllListeners('SIGTERM');
    process.on('SIGTERM', leave);
    const state = { path, keeper: process.pid, runs };
    if (load(label)?.leaving) leave();
    tell({ ...state, pid: child.pid ?? 0, leaving });
    const lastExit = await ended;
    if (leaving) break;
    tell({ ...state, lastExit });
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    setTimeout(resolve, throttleMs);
    await promise;
  }
  forget(label);
}

function printed(label: string, { path, pid, runs, lastExit }: Service): string {
  const state = pid === undefined ? 'spawn scheduled' : 'running';
  const exit = lastExit === undefined ? '(never exited)' : lastExit;
  const lines = [
    `active count = ${pid === undefined ? 0 : 1}`,
    `path = ${path}`,
    'type = LaunchAgent',
    `state = ${state}`,
    '',
    'environment = {',
    `\tpid = of another thing`,
    `\tXPC_SERVICE_NAME => ${label}`,
    '}',
    '',
    `domain = ${domain} [100015]`,
    'minimum runtime = 10',
    'exit timeout = 300',
    `runs = ${runs}`,
    ...(pid === undefined ? [] : [`pid = ${pid}`]),
    'immediate reason = speculative',
    ...(exit.startsWith('signal') ? ['last terminating signal = Killed: 9'] : [`last exit code = ${exit}`]),
    '',
    'properties = keepalive | runatload | inferred program',
  ];
  return `${domain}/${label} = {\n${lines.map((line) => (line === '' ? '' : `\t${line}`)).join('\n')}\n}\n`;
}

appendFileSync(file('calls'), `${[verb, ...args].join(' ')}\n`);
const act = verbs[verb];
if (act === undefined) fail(64, `Unrecognized subcommand: ${verb}`);
await act(args[0] ?? '', args[1] ?? '');
