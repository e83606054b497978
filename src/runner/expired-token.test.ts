import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../../test/support/control-plane.ts';
import { parseConfig } from '../config/parse.ts';
import { systemClock } from '../lib/clock.ts';
import { ExitCode } from '../lib/errors.ts';
import { confirmExpiredToken } from './expired-token.ts';
import { requireRunnerToken } from './require-token.ts';

const day = 86_400_000;

test('the server decides about a token that has expired by the local clock', async () => {
  const ahead = { server: 0, runner: 0 };
  const clockOf = (who: keyof typeof ahead) => ({ ...systemClock, date: () => new Date(Date.now() + ahead[who]) });
  await using plane = await startControlPlane({ clock: clockOf('server') });
  const token = await plane.newToken();
  const confirm = async (url: string) => {
    const file = `[runner]\nurl = "${url}"\ntoken = "${token}"\n`;
    const { config } = parseConfig({ file, env: {}, flags: new Map() });
    const options = { config, path: 'x.toml', env: {}, userAgent: 'test', clock: clockOf('runner') };
    await confirmExpiredToken(requireRunnerToken(config, 'x.toml'), options);
  };
  await confirm('http://127.0.0.1:1');
  ahead.runner = 731 * day;
  await confirm(plane.server.url);
  const message = /^the runner token is invalid: it expired at 20\S+Z$/;
  await assert.rejects(confirm('http://127.0.0.1:1'), { message, exitCode: ExitCode.token });
  ahead.server = 91 * day;
  await assert.rejects(confirm(plane.server.url), { message: /^the runner token is invalid: it expired at 20\S+Z/ });
});
