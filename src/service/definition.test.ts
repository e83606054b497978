import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../config/parse.ts';
import { defaultPaths } from '../config/paths.ts';
import { defineService, serviceEnvironment, variablesLeftOut } from './definition.ts';

const { config } = parseConfig({ file: undefined, env: {}, flags: new Map() });
const common = { config, runnerCommand: ['/opt/plan42-runner'] as const, version: '1' };

test('the service gets the variables for programs, engines and network, and no others', () => {
  const env = {
    PATH: '/home/ann/bin:relative::/usr/bin',
    https_proxy: 'http://proxy',
    DOCKER_HOST: 'unix:///run/user/1/docker.sock',
    XDG_CONFIG_HOME: '/home/ann/c',
    XDG_RUNTIME_DIR: '/run/user/1',
    LC_ALL: 'C\x1b',
    AWS_SECRET_ACCESS_KEY: 'secret',
    PLAN42_RUNNER_TOKEN: 'p42r_x',
    NO_PROXY: '',
  };
  assert.deepEqual(serviceEnvironment({ env, platform: 'linux' }), {
    PATH: '/home/ann/bin:/usr/bin:/usr/local/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
    DOCKER_HOST: 'unix:///run/user/1/docker.sock',
    XDG_CONFIG_HOME: '/home/ann/c',
    https_proxy: 'http://proxy',
  });
});

test('it uses the paths of the user who enabled it', () => {
  const define = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform) =>
    defineService({ ...common, host: { env, platform }, paths: defaultPaths(env, platform) });
  const env = { HOME: '/home/ann', PLAN42_STATE_DIR: '/srv/state', PLAN42_CONFIG_FILE: '/srv/c.toml' };
  const given = define(env, 'linux');
  assert.deepEqual(given.command, ['/opt/plan42-runner', '--config-file', '/srv/c.toml', '--state-dir', '/srv/state']);
  assert.equal(given.stopTimeoutMs, 300_000);
  const usual = define({ HOME: '/Users/ann' }, 'darwin');
  assert.deepEqual(usual.command, ['/opt/plan42-runner', '--config-file', '/Users/ann/.config/plan42-runner.toml']);
  assert.equal(usual.errorFile, '/Users/ann/Library/Logs/ai.plan42.runner/stderr.log');
});

test('settings from the environment are listed', () => {
  const settings = { PLAN42_JOBS_MAX_JOBS: '8', PLAN42_RUNNER_TOKEN: 'p42r_x', PLAN42_LOG_LEVEL: '' };
  const env = { ...settings, PLAN42_STATE_DIR: '/s', PLAN42_SERVER_TOKEN: 'x', PATH: '/bin' };
  assert.deepEqual(variablesLeftOut(env), ['PLAN42_RUNNER_TOKEN', 'PLAN42_JOBS_MAX_JOBS']);
});
