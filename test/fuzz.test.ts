import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { covers, exemptionOf, exemptions } from '../fuzz/exempt.ts';
import { findFunctions, functionsIn } from '../fuzz/find-functions.ts';
import { fuzz, nameOf } from '../fuzz/fuzz-target.ts';
import { stopServer } from '../fuzz/targets/server.ts';
import { allTargets } from '../fuzz/targets.ts';

// Enough for every kind of input, with the same inputs each time. `make fuzz` runs for minutes.
const inputs = 60;
const maxKiB = 64;

after(stopServer);

describe('every function that reads or formats foreign text', () => {
  const found = findFunctions();
  const covered = new Set(allTargets.flatMap((target) => target.covers));

  test('has a fuzz target, or a reason why not', () => {
    const missing = found.filter((name) => !covered.has(name) && exemptionOf(name) === undefined);
    assert.deepEqual(missing, [], 'add them to a target in fuzz/targets, or with a reason to fuzz/exempt.ts');
  });

  test('has a target or a reason, and not both; and exemptions have functions', () => {
    const named = Object.keys(exemptions).filter((name) => name.includes('#'));
    assert.deepEqual(
      named.filter((name) => covered.has(name)),
      [],
    );
    const unused = Object.keys(exemptions).filter((exempt) => !found.some((name) => covers(exempt, name)));
    assert.deepEqual(unused, [], 'remove them from fuzz/exempt.ts');
  });

  test('is found by its signature', () => {
    const source = `
export function parse(text: string): number {}
export function count(n: number): number {}
export function show(
  { a, b }: Options,
  value: unknown,
): string {}
function own(text: string) {}
export async function read(path: string): Promise<string> {}
export function later(path: string): Promise<string> {}
export async function* events(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {}
export async function body(chunks: AsyncIterable<Uint8Array>): Promise<string> {}
export function generic<T extends object>(text: string, use: (t: T) => void): void {}
export const arrow = (text: string): number => 1;
export const list = (text as string);
export class Reader {
  constructor(text: string) {}
  read(text: string): void {
    if (isText(text as unknown)) {
    }
  }
  async load(path: string): Promise<void> {}
  static from(value: unknown): Reader {}
  #own(text: string): void {}
}
class Own {
  read(text: string): void {}
}
const other = {
  read(text: string): void {},
};
`;
    const expected = ['parse', 'show', 'events', 'body', 'generic', 'arrow', 'Reader.read', 'Reader.from'];
    assert.deepEqual(functionsIn(source), expected);
  });
});

describe('a fuzzed function survives', () => {
  for (const target of allTargets) {
    test(`what others may send: ${nameOf(target)}`, async () => {
      const { faults } = await fuzz(target, { seed: 'test', maxKiB, goOn: (done) => done < inputs });
      for (const { reason, seed, input } of faults) {
        assert.fail(`${reason}\nseed ${seed}, input ${JSON.stringify(input)?.slice(0, 500)}`);
      }
    });
  }
});

test('the harness finds a fault', async () => {
  const quadratic = (text: string) => Array.from(text, (_, n) => text.slice(0, n).includes('\0\0\0')).length;
  const target = { covers: ['lib/uuid.ts#isUuid'], corpus: ['a'], run: quadratic };
  const { faults } = await fuzz(target, {
    seed: 'test',
    maxKiB: 32,
    goOn: (done, faults) => faults === 0 && done < 60,
  });
  assert.match(faults[0]?.reason ?? '', /took|linear/);
  const slow = (text: string) => {
    let steps = 0;
    for (let n = 0; n < text.length; n++) for (let m = 0; m < text.length; m += 32) steps ^= n ^ m;
    return String(steps);
  };
  const slowly = { seed: 'test', maxKiB: 32, goOn: (done: number, faults: number) => faults === 0 && done < 200 };
  assert.match(
    (await fuzz({ ...target, run: slow, passes: 10 }, slowly)).faults[0]?.reason ?? '',
    /more than linear time/,
  );
  const throwing = { ...target, run: (text: string) => decodeURIComponent(text) };
  const thrown = await fuzz(throwing, { seed: 'test', maxKiB, goOn: (done, faults) => faults === 0 && done < 500 });
  assert.match(thrown.faults[0]?.reason ?? '', /URIError/);
});
