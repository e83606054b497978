import type { TestContext } from 'node:test';
import { isCommandInstalled } from '../../src/lib/run-command.ts';

/**
 * Whether all these commands are installed. Otherwise skips the test with a message that the reporter lists; the test has
 * to return then.
 */
export async function requiresCommands(t: Pick<TestContext, 'skip'>, ...names: string[]): Promise<boolean> {
  for (const name of names) {
    if (await isCommandInstalled(name, process.env)) continue;
    t.skip(`missing prerequisite: ${name}: there is no such command`);
    return false;
  }
  return true;
}
