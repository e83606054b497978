/** Runs the tests of a branch. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readReport, runTests, type TestResult } from './agent/run-tests.ts';
import { runNode } from './engine.ts';
import type { Stage } from './stage.ts';

// Writes the files that it gets as JSON, and runs their tests.
const script = `
const { mkdirSync, mkdtempSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const folder = mkdtempSync('/tmp/tests-');
for (const [path, content] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}
const args = ['--test', '--test-reporter=spec'];
require('node:child_process').spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' });`;

/** In a new container, because a model may have written them. Without an engine, only the scripted agent has. */
export async function testBranch({ folder, github, place, agent }: Stage, branch: string): Promise<TestResult> {
  const files = await github.filesOf(branch);
  if (place.engine !== undefined)
    return readReport(await runNode(place.engine, agent.image, script, JSON.stringify(files)));
  return runTests(await writeFiles(join(folder, `tests ${crypto.randomUUID()}`), files));
}

/** Writes files to a new folder, and returns it. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}
