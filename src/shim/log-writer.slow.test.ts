/** What becomes of what a job prints: the half of the supervisor that writes the log. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { type JobFolder, makeJobFolder } from '../../test/support/job-folder.ts';
import { assertLinesTo } from '../../test/support/numbered-lines.ts';
import { largestSize } from '../../test/support/sample-size.ts';
import { makeShell, type Shell, shellNames } from '../../test/support/shells.ts';
import { cutBytes } from './log-cut.ts';
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
const start = (job: JobFolder, script: string, { maxLogMib = 1, shell = system, args = [] }: Start = {}) =>
  launch({
    job: { ...job, maxLogBytes: maxLogMib * mib },
    command: [shell.path, '-c', script, 'job', job.folder, ...args],
    env: shell.env,
    cwd: '/',
    shell: shell.path,
  });

/** The system's shell, which finds this script before the system's command of that name. */
async function shellThatFinds(job: JobFolder, name: string, script: string): Promise<Shell> {
  const bin = join(dirname(job.logFile), 'strange');
  await mkdir(bin);
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { path: '/bin/sh', env: { PATH: `${bin}:/usr/bin:/bin` } };
}

const until = (name: string) => `while [ ! -e "$1/${name}" ]; do sleep 0.02; done`;
const say = (job: JobFolder, name: string) => writeFile(join(job.folder, name), '');
const logged = (job: JobFolder, text: string) => eventually(async () => (await job.readLog()).includes(text));

for (const name of shellNames) {
  describe(`with ${name}, a job`, () => {
    const run = async (t: TestContext, job: JobFolder, script: string, maxLogMib?: number) => {
      const shell = await makeShell(name, dirname(job.logFile));
      if (shell === undefined) return t.skip(`missing prerequisite: ${name}`);
      await start(job, script, { shell, ...(maxLogMib !== undefined && { maxLogMib }) });
      const exit = waitForExit(job.folder);
      const largest = await largestSize(job.logFile, exit);
      return { exitCode: (await exit).exitCode, largest };
    };

    test('prints to its log, in order, and ends with its exit code', async (t) => {
      await using job = await makeJobFolder('request');
      const ended = await run(t, job, 'cat; for i in 1 2 3; do echo out$i; echo err$i >&2; done; exit 3');
      if (!ended) return;
      assert.equal(ended.exitCode, 3);
      assert.equal(await job.readLog(), 'requestout1\nerr1\nout2\nerr2\nout3\nerr3\n');
    });

    for (const [signal, exitCode] of [
      ['INT', 130],
      ['KILL', 137],
      ['TERM', 143],
    ] as const) {
      test(`ends by SIG${signal}, of which the shell says nothing`, async (t) => {
        await using job = await makeJobFolder();
        const ended = await run(t, job, `echo begun; kill -${signal} $$; echo survived`);
        if (!ended) return;
        assert.equal(ended.exitCode, exitCode);
        assert.equal(await job.readLog(), 'begun\n');
      });
    }

    test('that fills the disk by itself has a log with its newest lines, which says what is missing', async (t) => {
      if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
      await using job = await makeJobFolder();
      await using disk = mountSmallDisk(job.folder, '2m');
      const logFile = join(disk.path, 'job.log');
      const ended = await run(t, { ...job, logFile }, 'seq 1 1000000; exit 6', 8);
      if (!ended) return;
      assert.equal(ended.exitCode, 6);
      const log = await readFile(logFile, 'utf8');
      assert.ok(cutBytes(log.split('\n', 1)[0] ?? '') > 0, log.slice(0, 100));
      assert.match(log, /\n1000000\n(\[plan42: at least \d+ bytes [^\n]*\]\n)?$/);
      assert.match(log, /\[plan42: at least \d+ bytes of the output are missing here/);
      assert.deepEqual((await readdir(disk.path)).toSorted(), ['bin', 'job.log']);
    });

    test('has a log that is never larger than its limit, with the newest lines and no gap', async (t) => {
      await using job = await makeJobFolder();
      const last = 1_500_000;
      const ended = await run(t, job, `seq 1 ${last}; exit 4`, 2);
      if (!ended) return;
      assert.equal(ended.exitCode, 4);
      assert.ok(ended.largest <= 2 * mib, `${ended.largest} bytes`);
      assert.ok(assertLinesTo(last, await job.readLog()) > 0);
      assert.ok((await stat(job.logFile)).size >= mib / 4);
      assert.deepEqual((await readdir(dirname(job.logFile))).toSorted(), ['bin', 'job', 'job.log']);
    });

    test('has such a log too when it writes little at a time and then much', async (t) => {
      await using job = await makeJobFolder();
      const [little, last] = [600_000, 4_000_000];
      const script = `seq 1 ${little} | dd bs=64 2>/dev/null; seq ${little + 1} ${last}; exit 8`;
      const ended = await run(t, job, script, 16);
      if (!ended) return;
      assert.equal(ended.exitCode, 8);
      assert.ok(ended.largest <= 16 * mib, `${ended.largest} bytes`);
      assert.ok(assertLinesTo(last, await job.readLog()) > 0);
    });
  });
}

describe('a log', () => {
  test('holds everything below its limit', async () => {
    await using job = await makeJobFolder();
    await start(job, 'seq 1 1000000', { maxLogMib: 8 });
    await waitForExit(job.folder);
    assert.equal(assertLinesTo(1_000_000, await job.readLog()), 0);
  });

  test('is its owner’s alone after a cut too', async () => {
    await using job = await makeJobFolder();
    await start(job, 'umask 0; seq 1 300000');
    await waitForExit(job.folder);
    assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
    assert.equal((await stat(job.logFile)).mode & 0o777, 0o600);
  });

  test('of a single line that has no end is kept within its limit, to the byte', async () => {
    await using job = await makeJobFolder();
    await start(job, `head -c ${9 * mib} /dev/zero | tr '\\0' x`);
    assert.ok((await largestSize(job.logFile, waitForExit(job.folder))) <= mib);
    const [mark = '', rest = ''] = (await job.readLog()).split('\n');
    assert.equal(cutBytes(mark) + rest.length, 9 * mib);
    assert.match(rest, /^x+$/);
  });

  test('of binary output is, to the byte, what was written', async () => {
    await using job = await makeJobFolder();
    const output = randomBytes(5 * mib);
    await writeFile(join(job.folder, 'output'), output);
    await start(job, 'cat "$1/output"');
    assert.ok((await largestSize(job.logFile, waitForExit(job.folder))) <= mib);
    const log = await readFile(job.logFile);
    const lineEnd = log.indexOf('\n');
    const cut = cutBytes(log.toString('latin1', 0, lineEnd));
    assert.ok(cut > 0);
    assert.equal(Buffer.compare(log.subarray(lineEnd + 1), output.subarray(cut)), 0);
    assert.equal(output[cut - 1], 10, 'cut after a line end');
  });

  test('is written through a pipe that holds half a megabyte, where the system has Perl', async () => {
    await using job = await makeJobFolder();
    // The writer asks for it while the job runs already.
    const ask =
      'my $size; do { $size = fcntl STDOUT, 1032, 0; select undef, undef, undef, 0.02 } until $size > 65536; print $size';
    await start(job, 'exec perl -e "$2"', { args: [ask] });
    await logged(job, '524288');
  });

  test('gets a line as soon as it is written', async () => {
    await using job = await makeJobFolder();
    const pipe = join(job.folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await start(job, 'cat "$1/pipe"');
    const delaysMs: number[] = [];
    {
      await using lines = await open(pipe, 'w');
      for (let i = 0; i < 20; i += 1) {
        const written = performance.now();
        await lines.write(`line ${i}\n`);
        await logged(job, `line ${i}\n`);
        delaysMs.push(performance.now() - written);
      }
    }
    await waitForExit(job.folder);
    // What would keep a line back keeps every line back; a busy machine does some.
    assert.ok(Math.min(...delaysMs) < 50, `in ms: ${delaysMs.map(Math.round).join(' ')}`);
  });
});

test('who follows a log loses no line and reads none twice, however often it is cut', async () => {
  await using job = await makeJobFolder();
  // Some hundred lines at a time, so that a reader can keep up.
  await start(job, 'i=1; while [ $i -lt 400000 ]; do seq $i $((i + 4999)); i=$((i + 5000)); sleep 0.02; done');
  const exit = waitForExit(job.folder);
  const over = new AbortController();
  void exit.then(() => over.abort());
  const followed = await follow(job.logFile, over.signal);
  assert.ok(followed.files > 1);
  assert.equal(assertLinesTo(400_000, followed.text), 0);
});

/** Reads as the decision on logs says: what there is of the file it has open, then on in the file that took its place. */
async function follow(path: string, over: AbortSignal): Promise<{ text: string; files: number }> {
  const buffer = Buffer.alloc(mib);
  let text = '';
  for (let files = 1; ; files += 1) {
    await using file = await open(path, 'r');
    const { ino } = await file.stat();
    const [firstLine = ''] = (await file.read(Buffer.alloc(200), 0, 200, 0)).buffer.toString('latin1').split('\n');
    const cut = cutBytes(firstLine);
    let position = cut > 0 ? firstLine.length + 1 + text.length - cut : 0;
    for (let isLast = false; !isLast; ) {
      isLast = over.aborted || (await stat(path)).ino !== ino;
      const { bytesRead } = await file.read({ buffer, position });
      text += buffer.toString('latin1', 0, bytesRead);
      position += bytesRead;
      await delay(5);
    }
    if (over.aborted && (await stat(path)).ino === ino) return { text, files };
  }
}

describe('a disk', () => {
  test('that is full stops no job, and the log says what is missing', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
    await using job = await makeJobFolder();
    await using disk = mountSmallDisk(job.folder, '600k');
    const logFile = join(disk.path, 'job.log');
    // Too little to give way.
    const script = `seq 1 10000; ${until('full')}; seq 10001 100000; touch "$1/written"; ${until('free')}
      i=100001; while [ ! -e "$1/told" ] && [ $i -lt 100000000 ]; do echo $i; i=$((i + 1)); done; echo last $i; exit 7`;
    await start({ ...job, logFile }, script);
    await eventually(async () => (await readFile(logFile, 'latin1').catch(() => '')).endsWith('\n10000\n'));
    const filler = join(disk.path, 'filler');
    await appendFile(filler, Buffer.alloc(mib)).catch(() => {});
    await say(job, 'full');
    // The job comes to its end although nothing of what it writes can be kept.
    await eventually(async () => existsSync(join(job.folder, 'written')));
    assert.ok(!(await readFile(logFile, 'latin1')).includes('plan42'));
    execFileSync('rm', [filler]);
    await say(job, 'free');
    await eventually(async () => (await readFile(logFile, 'latin1')).includes('plan42'));
    await say(job, 'told');
    assert.equal((await waitForExit(job.folder)).exitCode, 7);

    const log = await readFile(logFile, 'latin1');
    const [before = '', missing = 0, after = ''] = log.split(
      /\[plan42: at least (\d+) bytes of the output are missing here: .*\]\n/,
    );
    assert.ok(before.startsWith('1\n2\n3\n') && before.includes('\n10000\n'));
    assert.ok(Number(missing) > 0);
    assert.match(after, /\nlast \d+\n$/);
    const [, last = ''] = /last (\d+)\n$/.exec(after) ?? [];
    const written = execFileSync('seq', ['1', String(Number(last) - 1)], { maxBuffer: 1024 * mib }).length;
    const kept = before.replace(/\n$/, '').length + after.length - `last ${last}\n`.length;
    const lost = written - kept;
    assert.ok(Number(missing) <= lost && lost <= Number(missing) + 64 * 1024, `${missing} said, ${lost} missing`);
  });

  test('that stays full stops no job either, whose log is at its limit', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
    await using job = await makeJobFolder();
    // No room for a second file with the newest part.
    await using disk = mountSmallDisk(job.folder, '1040k');
    const logFile = join(disk.path, 'job.log');
    await start({ ...job, logFile }, 'seq 1 1000000; exit 8');
    const exit = waitForExit(job.folder);
    assert.ok((await largestSize(logFile, exit)) <= mib);
    assert.equal((await exit).exitCode, 8);
    assert.ok((await stat(logFile)).size > mib / 8);
  });

  test('that stays full to the end leaves a small log its word of what is missing', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
    await using job = await makeJobFolder();
    await using disk = mountSmallDisk(job.folder, '600k');
    const logFile = join(disk.path, 'job.log');
    await start({ ...job, logFile }, `seq 1 1000; ${until('full')}; seq 1001 9000; exit 7`);
    await eventually(async () => (await readFile(logFile, 'latin1').catch(() => '')).endsWith('\n1000\n'));
    await appendFile(join(disk.path, 'filler'), Buffer.alloc(mib)).catch(() => {});
    await say(job, 'full');
    assert.equal((await waitForExit(job.folder)).exitCode, 7);
    const log = await readFile(logFile, 'latin1');
    assert.match(log, /^1\n2\n3\n.*\n\[plan42: at least \d+ bytes of the output are missing here: [^\n]*\]\n$/s);
  });

  test('with a log that somebody removed does not get another', async () => {
    await using job = await makeJobFolder();
    await start(job, `echo begun; ${until('go')}; seq 1 100000; exit 9`);
    await logged(job, 'begun');
    execFileSync('rm', [job.logFile]);
    await say(job, 'go');
    assert.equal((await waitForExit(job.folder)).exitCode, 9);
    assert.equal(existsSync(job.logFile), false);
  });
});

test('a job comes to its end when its log can’t be written for want of a working command', async () => {
  await using job = await makeJobFolder();
  await start(job, 'seq 1 1000000; exit 5', { shell: await shellThatFinds(job, 'dd', 'exit 1') });
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  assert.match(await job.readLog(), /bytes of the output are missing here/);
});

for (const [what, script] of [
  ['hangs', 'echo $$ >"$0.pid"; exec sleep 60'],
  ['reads', 'cat'],
  ['is broken', ')'],
] as const) {
  test(`a job and its log are as ever where what is called perl ${what}`, async () => {
    await using job = await makeJobFolder();
    await start(job, 'seq 1 300000; exit 5', { shell: await shellThatFinds(job, 'perl', script) });
    try {
      const late = delay(20_000, 'still running', { ref: false });
      const exit = await Promise.race([waitForExit(job.folder), late]);
      assert.equal(typeof exit === 'object' && exit.exitCode, 5);
      assert.ok(assertLinesTo(300_000, await job.readLog()) > 0);
    } finally {
      if (what === 'hangs') {
        const pid = await eventually(async () =>
          Number(await readFile(join(dirname(job.logFile), 'strange/perl.pid'), 'utf8').catch(() => '')),
        );
        process.kill(pid, 'SIGKILL');
      }
    }
  });
}

test('a log is as ever with the dd of uutils, which cuts its output and reports nothing read when it fails', async () => {
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
  await start(job, 'echo first; sleep 0.2; seq 1 300000; exit 5', { shell });
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
  assert.match(await job.readLog(), /^\[plan42: the first \d+ bytes of this log were cut\]\n.*\n299999\n300000\n$/s);
});

test('the log’s writer keeps the job going when it can’t start a process any more', (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root, to become a user who may have no more processes');
  const writer = `ulimit -u 1; exec /bin/sh -c "$1" plan42-job-log /nowhere /dev/null ${mib} >/dev/null`;
  const script = `(seq 1 1000000; echo "job: $?" >&2) | setpriv --reuid=65534 --clear-groups bash -c '${writer}' bash "$1"`;
  const { stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', logWriterScript], { encoding: 'utf8', timeout: 30_000 });
  assert.match(stderr, /job: 0/);
  assert.match(stderr, /fork/);
});

test('what a job leaves running keeps it from ending only for some seconds, and is not ended by that', async () => {
  await using job = await makeJobFolder();
  const left = `${until('ended')}; seq 1 300000; touch "$1/survived"`;
  await start(job, `(${left}) & echo "from the job"; exit 3`);
  const began = performance.now();
  assert.equal((await waitForExit(job.folder)).exitCode, 3);
  assert.ok(performance.now() - began > 2000, 'first it is waited for');
  assert.equal(await job.readLog(), 'from the job\n');
  await say(job, 'ended');
  await eventually(async () => existsSync(join(job.folder, 'survived')));
  assert.ok((await stat(job.logFile)).size <= mib);
});

/** A file system of `size`, mounted below `folder` until it is disposed of. */
function mountSmallDisk(folder: string, size: string): Disposable & AsyncDisposable & { path: string } {
  const path = join(folder, 'disk');
  execFileSync('mkdir', [path]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path]);
  const unmount = () => void execFileSync('umount', ['--lazy', path]);
  return { path, [Symbol.dispose]: unmount, [Symbol.asyncDispose]: async () => unmount() };
}
