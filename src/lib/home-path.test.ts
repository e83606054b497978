import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { commandContext, runCli } from '../../test/support/run-cli.ts';
import { makeRunnerHome } from '../../test/support/runner-home.ts';
import { createProgram } from '../cli/program.ts';
import { parseConfig } from '../config/parse.ts';
import { defaultPaths } from '../config/paths.ts';
import { expandHome } from './home-path.ts';

test('a leading ~/ is the home folder, and another user’s home is refused', () => {
  assert.equal(expandHome('~/srv', '/home/a'), '/home/a/srv');
  assert.equal(expandHome('~', '/home/a'), '/home/a');
  assert.equal(expandHome('~bob/srv', '/home/a'), undefined);
  for (const path of ['srv', './~', '/~/x', 'a~b']) assert.equal(expandHome(path, '/home/a'), path);
});

test('options, variables and settings with a path expand it', async () => {
  const data = `~/plan42-no-such-folder`;
  const none = await runCli(['server', 'link', `--data=${data}`]);
  assert.match(none.stderr, new RegExp(`no Plan42 server found in ${join(homedir(), data.slice(2))}`));
  const other = await runCli(['server', 'link', '--data=~bob/srv']);
  assert.equal(other.exitCode, 2);
  assert.match(other.stderr, /Write the whole path instead of ~bob, or \.\/~bob\/srv for a file of that name\./);

  const env = { HOME: '/home/a', PLAN42_STATE_DIR: '~/state', PLAN42_CONFIG_FILE: '~/a.toml' };
  const { stateDir, configFile } = defaultPaths(env);
  assert.deepEqual([stateDir, configFile], ['/home/a/state', '/home/a/a.toml']);
  assert.throws(() => defaultPaths({ PLAN42_STATE_DIR: '~bob' }), /cannot use PLAN42_STATE_DIR=~bob/);

  const file = '[network]\nca_file = "~/ca.pem"\n[host]\ncommand = ["~/agent", "~/input"]\n';
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  assert.equal(config.network.caFile, join(homedir(), 'ca.pem'));
  assert.deepEqual(config.host.command, [join(homedir(), 'agent'), '~/input']);
  const { problems } = parseConfig({ file: 'network.ca_file = "~bob/ca.pem"', env: {}, flags: new Map() });
  assert.match(
    problems[0]?.message ?? '',
    /^network\.ca_file is the home folder of another user\. Write the whole path/,
  );
  await using home = await makeRunnerHome();
  const set = await home.runner(['config', 'set', 'network.ca_file=~/ca.pem', '-c', join(home.path, 'c.toml')]);
  assert.doesNotMatch(set.stderr, /absolute/);
});

test('every option and argument for a file or a folder is parsed as a path', () => {
  const commands = (command: Command): Command[] => [command, ...command.commands.flatMap(commands)];
  for (const command of commands(createProgram(commandContext([])))) {
    for (const { flags, parseArg } of command.options) {
      if (/<(file|folder)>/.test(flags)) assert.ok(parseArg, `${command.name()} ${flags}`);
    }
    for (const argument of command.registeredArguments) {
      if (/^(file|folder)$/.test(argument.name())) assert.ok(argument.parseArg, `${command.name()} ${argument.name()}`);
    }
  }
});
