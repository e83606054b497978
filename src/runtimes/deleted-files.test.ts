import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMountTable } from '../lib/mount-table.ts';
import { readText } from '../lib/read-file.ts';
import { findDeletedFiles, sizeOfDeleted } from './deleted-files.ts';

const skip = process.platform !== 'linux';
const mib = 2 ** 20;

test('files without a name count once, those with one do not, nor those of other mounts', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-deleted-'));
  try {
    await using kept = await open(join(folder, 'kept'), 'w');
    await using gone = await open(join(folder, 'gone'), 'w+');
    await using second = await open(join(folder, 'gone'), 'r');
    await gone.writeFile(Buffer.alloc(mib, 1));
    await kept.writeFile(Buffer.alloc(mib, 1));
    await Promise.all([gone, kept].map((file) => file.sync()));
    const named = await findDeletedFiles([process.pid]);
    await rm(join(folder, 'gone'));
    const found = await findDeletedFiles([process.pid]);
    const folders = parseMountTable(await readText('/proc/self/mountinfo')).map(({ path }) => path);
    const size = sizeOfDeleted({ before: found, after: found, folders });
    assert.ok(size >= mib && size < 2 * mib, `${size}`);
    assert.equal(sizeOfDeleted({ before: found, after: found, folders: ['/other'] }), 0);
    const racing = sizeOfDeleted({ before: named, after: found, folders });
    assert.ok(racing < mib, `a file that lost its name meanwhile may have been measured already: ${racing}`);
    assert.ok(second.fd > 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});
