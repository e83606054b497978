/** The log writer: segments, limits, full disks, shells, and commands that do not do what they should. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../test/support/eventually.ts';
import { type JobFolder, makeJobFolder } from '../../test/support/job-folder.ts';
import { droppedBytes, logBytes, readLog, sampleLog } from '../../test/support/job-log.ts';
import { assertLinesTo } from '../../test/support/numbered-lines.ts';
import { makeShell, type Shell, shellNames } from '../../test/support/shells.ts';
import { commandLine, listProcesses } from '../lib/processes.ts';
import { readJobLog } from './job-log.ts';
import { readLogCopier } from './log-copier-program.ts';
import { logWriterScript } from './scripts.ts';
import { launch, waitForExit } from './shim.ts';

const mib = 2 ** 20;
const system: Shell = { path: '/bin/sh', env: { PATH: '/usr/bin:/bin' } };

interface Start {
  maxLogMib?: number;
  shell?: Shell;
  args?: string[];
}

/** Launches a shell script as the job's command, with the job's folder as its first argument. */
const startWith =
  (hasCopier: boolean) =>
  (job: JobFolder, script: string, { maxLogMib = 1, shell = system, args = [] }: Start = {}) =>
    launch({
      job: { ...job, maxLogBytes: maxLogMib * mib },
      command: [shell.path, '-c', script, 'job', job.folder, ...args],
      env: shell.env,
      cwd: '/',
      shell: shell.path,
      hasCopier,
    });
const copies = process.platform === 'linux' ? [false, true] : [false];
const writers = copies.map((hasCopier) => [hasCopier ? 'log-copier' : 'dd', startWith(hasCopier)] as const);
/** For tests of the script alone. */
const startScript = startWith(false);

/** The system's shell, which finds this script before the system's command of that name. */
async function shellThatFinds(job: JobFolder, name: string, script: string): Promise<Shell> {
  const bin = join(dirname(job.logFile), 'strange');
  await mkdir(bin);
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { path: '/bin/sh', env: { PATH: `${bin}:/usr/bin:/bin` } };
}

const until = (name: string) => `while [ ! -e "$1/${name}" ]; do sleep 0.02; done`;
const create = (job: JobFolder, name: string) => writeFile(join(job.folder, name), '');
const logged = (job: JobFolder, text: string) => eventually(async () => (await job.readLog()).includes(text));

for (const [name, writer, start] of shellNames.flatMap((name) => writers.map((each) => [name, ...each] as const))) {
  describe(`with ${name} and ${writer}, a log`, () => {
    const run = async (t: TestContext, job: JobFolder, script: string, maxLogMib = 1) => {
      const shell = await makeShell(name, dirname(job.logFile));
      if (shell === undefined) return t.skip(`missing prerequisite: ${name}`);
      await start(job, script, { shell, maxLogMib });
      const exit = waitForExit(job.folder);
      const sizes = await sampleLog(job.logFile, exit, maxLogMib * mib);
      return { exitCode: (await exit).exitCode, ...sizes };
    };

    test('contains what the command wrote, in order, and the shim its exit code', async (t) => {
      await using job = await makeJobFolder('request');
      const result = await run(t, job, 'cat; for i in 1 2 3; do echo out$i; echo err$i >&2; done; exit 3');
      if (!result) return;
      assert.equal(result.exitCode, 3);
      assert.equal(await job.readLog(), 'requestout1\nerr1\nout2\nerr2\nout3\nerr3\n');
    });

    for (const [signal, exitCode] of [
      ['INT', 130],
      ['KILL', 137],
      ['TERM', 143],
    ] as const) {
      test(`contains no message of the shell about SIG${signal}`, async (t) => {
        await using job = await makeJobFolder();
        const result = await run(t, job, `echo begun; kill -${signal} $$; echo survived`);
        if (!result) return;
        assert.equal(result.exitCode, exitCode);
        assert.equal(await job.readLog(), 'begun\n');
      });
    }

    test('keeps at least 85 % of its limit, never exceeds it, and has no gap', async (t) => {
      await using job = await makeJobFolder();
      const last = 3_000_000;
      const result = await run(t, job, `seq 1 ${last}; exit 4`, 2);
      if (!result) return;
      assert.equal(result.exitCode, 4);
      assert.ok(result.largest <= 2 * mib, `${result.largest} bytes`);
      assert.ok(Math.min(result.smallestFull, await logBytes(job.logFile)) >= 0.85 * 2 * mib, `${result.smallestFull}`);
      assert.ok(assertLinesTo(last, await job.readLog()) > 0);
      assert.deepEqual((await readdir(dirname(job.logFile))).toSorted(), ['bin', 'job', 'job.log', 'job.log.older']);
    });

    test('has no gap if the command writes little at a time and then much', async (t) => {
      await using job = await makeJobFolder();
      const [little, last] = [300_000, 3_000_000];
      const script = `seq 1 ${little} | dd bs=64 2>/dev/null; seq ${little + 1} ${last}; exit 8`;
      const result = await run(t, job, script, 16);
      if (!result) return;
      assert.equal(result.exitCode, 8);
      assert.ok(result.largest <= 16 * mib, `${result.largest} bytes`);
      assert.ok(assertLinesTo(last, await job.readLog()) > 0);
    });

    test('that fills the disk contains the newest lines, without a gap', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '2m');
      const logFile = join(disk.path, 'job.log');
      const result = await run(t, { ...job, logFile }, 'seq 1 1000000; exit 6', 8);
      if (!result) return;
      assert.equal(result.exitCode, 6);
      assert.ok(assertLinesTo(1_000_000, await readLog(logFile)) > 0);
      assert.ok((await logBytes(logFile)) > mib);
    });
  });
}

// One period of the output: lines of 16 bytes.
const period = Buffer.from(Array.from({ length: mib }, (_, i) => `${String(i).padStart(15, '0')}\n`).join(''));

for (const [maxLogMib, hasCopier] of [8, 20, 64, 200].flatMap((each) =>
  copies.map((copied) => [each, copied] as const),
)) {
  test(`with a limit of ${maxLogMib} MiB${hasCopier ? ' and log-copier' : ''}, a log of ten times as much keeps 85 % and is what was written`, async () => {
    await using job = await makeJobFolder();
    const periods = Math.ceil((maxLogMib * 10) / 16);
    await writeFile(join(job.folder, 'period'), period);
    await writeFile(job.logFile, '');
    if (hasCopier)
      await writeFile(join(job.folder, 'log-copier'), (await readLogCopier(process.arch)) ?? '', { mode: 0o700 });
    const limit = maxLogMib * mib;
    // Without the shim, which gives a job so low a priority that this takes minutes on a busy machine.
    const script = `i=0; while [ $i -lt ${periods} ]; do cat "$1/period"; i=$((i + 1)); done |
      sh -c "$3" plan42-job-log "$1" "$2" ${limit} >/dev/null 2>&1`;
    const writing = promisify(execFile)('/bin/sh', ['-c', script, 'job', job.folder, job.logFile, logWriterScript]);
    const { largest, smallestFull } = await sampleLog(job.logFile, writing, limit);
    assert.ok(largest <= limit, `${largest} bytes`);
    assert.ok(smallestFull >= 0.85 * limit, `${smallestFull} bytes`);
    assert.equal(await comparePeriods(job.logFile), periods * period.length);
  });
}

/** Compares a log byte by byte with what the command wrote; the position behind its end. */
async function comparePeriods(logFile: string): Promise<number> {
  const { signal } = new AbortController();
  const blocks = readJobLog({ logFile, lines: Number.POSITIVE_INFINITY, signal });
  const { value: note } = (await blocks.next()) as { value: Buffer };
  let position = droppedBytes(note.toString());
  assert.ok(position > 0, note.toString('utf8', 0, 200));
  for await (const block of blocks) {
    for (let at = 0; at < block.length; ) {
      const from = (position + at) % period.length;
      const length = Math.min(block.length - at, period.length - from);
      const isSame = period.compare(block, at, at + length, from, from + length) === 0;
      if (!isSame) assert.fail(`differs in the ${length} bytes from ${position + at} on`);
      at += length;
    }
    position += block.length;
  }
  return position;
}

for (const [writer, start] of writers) {
  describe(`with ${writer}, a log`, () => {
    test('contains everything below its limit', async () => {
      await using job = await makeJobFolder();
      await start(job, 'seq 1 1000000', { maxLogMib: 8 });
      await waitForExit(job.folder);
      assert.equal(assertLinesTo(1_000_000, await job.readLog()), 0);
    });

    test('is one file up to 1 MiB', async () => {
      await using job = await makeJobFolder();
      await start(job, 'seq 1 100000', { maxLogMib: 200 });
      await waitForExit(job.folder);
      assert.equal((await readFile(job.logFile, 'utf8')).split('\n').length, 100_001);
      assert.ok(!existsSync(`${job.logFile}.older`));
    });

    test('can be read by its owner only, in all segments', async () => {
      await using job = await makeJobFolder();
      await start(job, 'umask 0; seq 1 300000');
      await waitForExit(job.folder);
      const older = `${job.logFile}.older`;
      assert.equal((await stat(older)).mode & 0o777, 0o700);
      const segments = (await readdir(older)).map((name) => join(older, name));
      assert.ok(segments.length > 8);
      for (const path of [job.logFile, ...segments]) assert.equal((await stat(path)).mode & 0o777, 0o600);
    });

    test('of a second writer continues where the first ended', async () => {
      await using job = await makeJobFolder();
      for (const [from, to, folder] of [
        [1, 200_000, 'job'],
        [200_001, 210_000, 'second'],
        [210_001, 400_000, 'third'],
      ] as const) {
        const path = join(dirname(job.logFile), folder);
        await mkdir(path, { recursive: true });
        await start({ ...job, folder: path }, `seq ${from} ${to}`);
        await waitForExit(path);
        assert.ok((await logBytes(job.logFile)) <= mib);
      }
      assert.ok(assertLinesTo(400_000, await job.readLog()) > 0);
    });

    test('of a single line without an end stays within its limit', async () => {
      await using job = await makeJobFolder();
      await start(job, `head -c ${9 * mib} /dev/zero | tr '\\0' x`);
      assert.ok((await sampleLog(job.logFile, waitForExit(job.folder))).largest <= mib);
      const log = await job.readLog();
      const rest = log.slice(log.indexOf('\n') + 1);
      assert.equal(droppedBytes(log) + rest.length, 9 * mib);
      assert.match(rest, /^x+$/);
    });

    test('of binary output is, byte by byte, what was written', async () => {
      await using job = await makeJobFolder();
      const output = randomBytes(5 * mib);
      await writeFile(join(job.folder, 'output'), output);
      await start(job, 'cat "$1/output"');
      await waitForExit(job.folder);
      const log = Buffer.from(await readLog(job.logFile, 'latin1'), 'latin1');
      const dropped = droppedBytes(log.toString('latin1', 0, 200));
      assert.ok(dropped > 0);
      assert.equal(Buffer.compare(log.subarray(log.indexOf('\n') + 1), output.subarray(dropped)), 0);
      assert.equal(output[dropped - 1], 10, 'it begins with a whole line');
    });

    test('is written through a pipe of half a megabyte if the system has Perl', async () => {
      await using job = await makeJobFolder();
      // The writer asks for it while the job runs already.
      const ask =
        'my $size; do { $size = fcntl STDOUT, 1032, 0; select undef, undef, undef, 0.02 } until $size > 65536; print $size';
      await start(job, 'exec perl -e "$2"', { args: [ask] });
      await logged(job, '524288');
    });

    test('contains a line as soon as it is written', async () => {
      await using job = await makeJobFolder();
      const pipe = join(job.folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      await start(job, 'cat "$1/pipe"');
      {
        await using lines = await open(pipe, 'w');
        for (let i = 0; i < 20; i += 1) {
          await lines.write(`line ${i}\n`);
          // The pipe stays open: a line that waits for another one would never come.
          await logged(job, `line ${i}\n`);
        }
      }
      await waitForExit(job.folder);
    });
  });
}

for (const [writer, start] of writers) {
  describe(`with ${writer}, a full disk`, () => {
    test('stops no job, and the log says how much is missing', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '600k');
      const logFile = join(disk.path, 'job.log');
      // One segment: there is no older one to drop. More is written to the full disk than pipes hold. At the end, the job writes
      // so slowly that the disk does not fill up again.
      const script = `seq 1 5000; ${until('full')}; seq 5001 300000; touch "$1/written"; ${until('free')}; i=300001
        while [ ! -e "$1/noted" ] && [ $i -lt 330000 ]; do echo $i; i=$((i + 1)); sleep 0.005; done; echo $i; echo last $((i + 1)); exit 7`;
      await start({ ...job, logFile }, script);
      await eventually(async () => (await readLog(logFile)).endsWith('\n5000\n'));
      const filler = join(disk.path, 'filler');
      await appendFile(filler, Buffer.alloc(mib)).catch(() => {});
      await create(job, 'full');
      await eventually(async () => existsSync(join(job.folder, 'written')));
      assert.ok(!(await readLog(logFile)).includes('plan42'));
      execFileSync('rm', [filler]);
      await create(job, 'free');
      await eventually(async () => (await readLog(logFile)).includes('plan42'));
      await create(job, 'noted');
      assert.equal((await waitForExit(job.folder)).exitCode, 7);

      const log = await readLog(logFile);
      const [before = '', missing = 0, after = ''] = log.split(
        /\[plan42: at least (\d+) bytes of the output are missing here: .*\]\n/,
      );
      assert.ok(before.startsWith('1\n2\n3\n') && before.includes('\n5000\n'));
      assert.ok(Number(missing) > 0);
      assert.match(after, /\nlast \d+\n$/);
      const [, last = ''] = /last (\d+)\n$/.exec(after) ?? [];
      const written = execFileSync('seq', ['1', String(Number(last) - 1)], { maxBuffer: 1024 * mib }).length;
      const kept = before.replace(/\n$/, '').length + after.length - `last ${last}\n`.length;
      const lost = written - kept;
      assert.ok(Number(missing) <= lost && lost <= Number(missing) + 64 * 1024, `${missing} noted, ${lost} missing`);
    });

    test('that another program filled drops the oldest segments', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '3m');
      const logFile = join(disk.path, 'job.log');
      await start({ ...job, logFile }, `seq 1 150000; ${until('full')}; seq 150001 400000; exit 8`);
      await eventually(async () => (await readLog(logFile)).endsWith('\n150000\n'));
      await appendFile(join(disk.path, 'filler'), Buffer.alloc(3 * mib)).catch(() => {});
      await create(job, 'full');
      assert.equal((await waitForExit(job.folder)).exitCode, 8);
      const log = await readLog(logFile);
      assert.ok(droppedBytes(log) > 0);
      assert.match(log, /\n399999\n400000\n$/);
      assert.ok((await logBytes(logFile)) > mib / 2);
    });

    test('on which the last older segment is dropped leaves a log that says how much is missing', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '2m');
      const logFile = join(disk.path, 'job.log');
      await start({ ...job, logFile }, `seq 1 200000; ${until('full')}; seq 200001 202000`, { maxLogMib: 200 });
      await eventually(async () => (await readLog(logFile)).endsWith('\n200000\n'));
      await appendFile(join(disk.path, 'filler'), Buffer.alloc(2 * mib)).catch(() => {});
      await create(job, 'full');
      await waitForExit(job.folder);
      // A note says what could not be written. The line before it may be a part of one.
      const [before = ''] = (await readLog(logFile)).split(/\n*\[plan42: [^\]]* missing here: /);
      const lines = before.split('\n').slice(0, -1);
      assert.ok(assertLinesTo(Number(lines.at(-1)), `${lines.join('\n')}\n`) > mib / 2);
    });

    test('on which no file can be created keeps the newest segment and adds a note', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '8m,nr_inodes=30');
      const logFile = join(disk.path, 'job.log');
      // Another program takes what is freed, at once.
      const take = (command: string) => `${command}; i=0; while true >"${disk.path}/filler$i"; do i=$((i + 1)); done`;
      const shell = await shellThatFinds(job, 'rm', take('/bin/rm "$@"'));
      const script = `seq 1 150000; ${until('go')}; ${take('true')}; seq 150001 300000; exit 6`;
      await startScript({ ...job, logFile }, script, { shell });
      await eventually(async () => (await readLog(logFile)).endsWith('\n150000\n'));
      await create(job, 'go');
      assert.equal((await waitForExit(job.folder)).exitCode, 6);
      const log = await readLog(logFile);
      assert.match(log, /\n150000\n/);
      assert.match(log, /\[plan42: at least \d+ bytes of the output are missing here: [^\n]*\]\n$/);
    });

    test('to the end of the job leaves a note in a log of one segment', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '600k');
      const logFile = join(disk.path, 'job.log');
      await start({ ...job, logFile }, `seq 1 1000; ${until('full')}; seq 1001 9000; exit 7`);
      await eventually(async () => (await readLog(logFile)).endsWith('\n1000\n'));
      await appendFile(join(disk.path, 'filler'), Buffer.alloc(mib)).catch(() => {});
      await create(job, 'full');
      assert.equal((await waitForExit(job.folder)).exitCode, 7);
      const log = await readLog(logFile);
      assert.match(log, /^1\n2\n3\n.*\n\[plan42: at least \d+ bytes of the output are missing here: [^\n]*\]\n$/s);
    });
  });
}

for (const [writer, start] of writers) {
  test(`with ${writer}, a log that was removed is not created again`, async () => {
    await using job = await makeJobFolder();
    await start(job, `echo begun; ${until('go')}; seq 1 100000; exit 9`);
    await logged(job, 'begun');
    execFileSync('rm', [job.logFile]);
    await create(job, 'go');
    assert.equal((await waitForExit(job.folder)).exitCode, 9);
    assert.equal(existsSync(job.logFile), false);
  });
}

test('a job finishes if its log cannot be written because dd does not work', async () => {
  await using job = await makeJobFolder();
  await startScript(job, 'seq 1 1000000; exit 5', { shell: await shellThatFinds(job, 'dd', 'exit 1') });
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  assert.match(await job.readLog(), /bytes of the output are missing here/);
});

test('a failed write that is not due to a full disk removes no older segment', async () => {
  await using job = await makeJobFolder();
  const dd = `
    case "$*" in
      *notrunc*) [ ! -e "$0.broken" ] || { echo "dd: error writing 'standard output': Input/output error" >&2; exit 1; } ;;
    esac
    exec /usr/bin/dd "$@"`;
  const shell = await shellThatFinds(job, 'dd', dd);
  const broken = join(dirname(job.logFile), 'strange/dd.broken');
  // Within the limit, there is room for what the dd that waits for output fills, and for a whole pipe after the end of the failures.
  const script = `seq 1 200000; ${until('go')}; touch "$2"; seq 200001 1000000; rm "$2"
    while [ ! -e "$1/noted" ]; do echo more; sleep 0.02; done; exit 5`;
  await startScript(job, script, { shell, args: [broken], maxLogMib: 2 });
  await logged(job, '\n200000\n');
  const before = await readdir(`${job.logFile}.older`);
  assert.ok(before.length > 8);
  await create(job, 'go');
  await logged(job, '\nmore\n');
  await create(job, 'noted');
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  assert.deepEqual((await readdir(`${job.logFile}.older`)).slice(0, before.length), before);
  const log = await job.readLog();
  assert.match(log, /\n200000\n/);
  assert.match(log, /\n\[plan42: [^\n]+ bytes of the output are missing here: they could not be written\]\n/);
});

for (const [name, script] of [
  ['df', 'exit 1'],
  ['df', 'echo Filesystem; echo nonsense'],
  ['perl', 'cat'],
  ['perl', ')'],
] as const) {
  test(`a log is complete with this ${name}: ${script}`, async () => {
    await using job = await makeJobFolder();
    await startScript(job, 'seq 1 300000; exit 5', { shell: await shellThatFinds(job, name, script) });
    assert.equal((await waitForExit(job.folder)).exitCode, 5);
    assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
  });
}

for (const copier of ['exit 1', 'exit 2', 'kill -9 $$', 'head -c 0; echo nonsense >&2; exit 7', ')']) {
  test(`a log is complete with this log-copier: ${copier}`, async () => {
    await using job = await makeJobFolder();
    await writeFile(join(job.folder, 'log-copier'), `#!/bin/sh\n${copier}\n`, { mode: 0o700 });
    await startScript(job, 'seq 1 300000; exit 5');
    assert.equal((await waitForExit(job.folder)).exitCode, 5);
    assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
  });
}

test('a log says how much a log-copier could not write', async () => {
  await using job = await makeJobFolder();
  const copier = `#!/bin/sh\n[ ! -e "$0.started" ] || exit 2; touch "$0.started"; head -c 14 >/dev/null; echo 14; exit 1\n`;
  await writeFile(join(job.folder, 'log-copier'), copier, { mode: 0o700 });
  await startScript(job, `echo 'this is lost!'; ${until('log-copier.started')}; echo 'and this is not'`);
  await waitForExit(job.folder);
  assert.equal(
    await job.readLog(),
    '[plan42: at least 14 bytes of the output are missing here: they could not be written]\nand this is not\n',
  );
});

test('a log has no gap if log-copier is killed, or if others cut the log', async (t) => {
  if (process.platform !== 'linux') return t.skip('there is none');
  await using job = await makeJobFolder();
  await startWith(true)(job, `seq 1 150000; ${until('killed')}; seq 150001 300000; ${until('cut')}; echo last; exit 5`);
  await logged(job, '\n150000\n');
  const [copier] = await findCopiers(job);
  assert.ok(copier, 'it copies');
  process.kill(copier, 'SIGKILL');
  await create(job, 'killed');
  await logged(job, '\n300000\n');
  assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
  await truncate(job.logFile);
  await create(job, 'cut');
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  assert.equal(await readFile(job.logFile, 'utf8'), 'last\n');
});

async function findCopiers({ logFile }: JobFolder): Promise<number[]> {
  const all = (await listProcesses()).map(async ({ pid }) => ({ pid, line: await commandLine(pid).catch(() => '') }));
  return (await Promise.all(all)).filter(({ line }) => line.includes(`/log-copier ${logFile} `)).map(({ pid }) => pid);
}

test('a job does not wait for a perl that hangs', async () => {
  await using job = await makeJobFolder();
  const shell = await shellThatFinds(job, 'perl', 'echo $$ >"$0.pid"; exec sleep 60');
  await startScript(job, 'seq 1 300000; exit 5', { shell });
  try {
    assert.equal((await waitForExit(job.folder, AbortSignal.timeout(20_000))).exitCode, 5);
    assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
  } finally {
    const readPid = () => readFile(join(dirname(job.logFile), 'strange/perl.pid'), 'utf8').catch(() => '');
    process.kill(await eventually(async () => Number(await readPid())), 'SIGKILL');
  }
});

test('a log is complete with the dd of uutils, which cuts its output and reports nothing read when it fails', async () => {
  await using job = await makeJobFolder();
  // As it does: at the end, the output ends where its own writing did. Once, it can't write.
  const dd = `
    case "$*" in
      *if=*) ;;
      *count=*) [ -e "$0.failed" ] || { : >"$0.failed"; echo "0+0 records in" >&2; exec /usr/bin/head -c 1 2>&1 >/dev/full; } ;;
    esac
    /usr/bin/dd "$@" || exit
    case "$*" in *notrunc* | *of=*) ;; *) perl -e 'truncate STDOUT, sysseek STDOUT, 0, 1' 2>/dev/null ;; esac
    exit 0`;
  const shell = await shellThatFinds(job, 'dd', dd);
  await startScript(job, 'echo first; sleep 0.2; seq 1 300000; exit 5', { shell });
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  const log = await job.readLog();
  assert.ok(droppedBytes(log) > 0);
  assert.match(log, /\n299999\n300000\n$/);
});

test('the log writer keeps the job running when it cannot start a process any more', (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root, to become a user who may have no more processes');
  const writer = `ulimit -u 1; exec /bin/sh -c "$1" plan42-job-log /nowhere /dev/null ${mib} >/dev/null`;
  const script = `(seq 1 1000000; echo "job: $?" >&2) | setpriv --reuid=65534 --clear-groups bash -c '${writer}' bash "$1"`;
  const { stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', logWriterScript], { encoding: 'utf8', timeout: 30_000 });
  assert.match(stderr, /job: 0/);
  assert.match(stderr, /fork/);
});

test('processes that a job leaves behind delay its exit for some seconds only, and keep running', async () => {
  await using job = await makeJobFolder();
  const left = `${until('exited')}; seq 1 300000; touch "$1/survived"`;
  await startScript(job, `(${left}) & echo "from the job"; exit 3`);
  assert.equal((await waitForExit(job.folder)).exitCode, 3);
  assert.equal(await job.readLog(), 'from the job\n');
  await create(job, 'exited');
  await eventually(async () => existsSync(join(job.folder, 'survived')));
  assert.ok((await logBytes(job.logFile)) <= mib);
});

/** A file system of `size`, mounted below `folder` until it is disposed of. */
function mountSmallDisk(folder: string, size: string): Disposable & AsyncDisposable & { path: string } {
  const path = join(folder, 'disk');
  execFileSync('mkdir', [path]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path]);
  const unmount = () => void execFileSync('umount', ['--lazy', path]);
  return { path, [Symbol.dispose]: unmount, [Symbol.asyncDispose]: async () => unmount() };
}
