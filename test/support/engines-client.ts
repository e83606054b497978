import { after, type TestContext } from 'node:test';
import { makeEnginesDir, sweepAbandonedEngines } from './engines/folder.ts';
import type { TestImages } from './engines/images.ts';
import type { Env } from './engines/processes.ts';
import { type Engines, startEngines } from './engines.ts';

/** Prerequisites of a test, and their descriptions. */
interface Prerequisites {
  docker: { docker: { env: Env } };
  podman: { podman: { env: Env } };
  registry: { registry: string; images: TestImages };
}

type Intersection<Union> = (Union extends unknown ? (given: Union) => void : never) extends (given: infer I) => void
  ? I
  : never;

let own: Promise<Engines & AsyncDisposable> | undefined;

// At the top of the module, so that it belongs to the whole test file and not to the test that asks first.
after(async () => (await own)?.[Symbol.asyncDispose]());

/** The engines of this test run; started on first use, for this test file only, when there is no global set-up. */
export async function engines(): Promise<Engines> {
  const description = process.env['PLAN42_TEST_ENGINES'];
  if (description !== undefined) return JSON.parse(description);
  own ??= startOwn();
  return own;
}

/**
 * The engines when all that is named is there. Otherwise skips the test with a message that the reporter lists, and
 * returns undefined; the test has to return then:
 *
 *     const engines = await requires(t, 'podman', 'registry');
 *     if (!engines) return;
 */
export async function requires<Name extends keyof Prerequisites>(
  t: Pick<TestContext, 'skip'>,
  ...names: Name[]
): Promise<(Engines & Intersection<Prerequisites[Name]>) | undefined> {
  const available = await engines();
  const name = names.find((candidate) => available[candidate] === undefined);
  if (name === undefined) return available as Engines & Intersection<Prerequisites[Name]>;
  t.skip(`missing prerequisite: ${name}: ${available.missing[name] ?? 'unknown reason'}`);
  return undefined;
}

async function startOwn(): Promise<Engines & AsyncDisposable> {
  await sweepAbandonedEngines();
  return startEngines({ dir: await makeEnginesDir(), signal: AbortSignal.timeout(60_000) });
}
