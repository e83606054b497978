import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExitCode, UserError } from '../lib/errors.ts';
import { allSettings, findSetting } from './find-setting.ts';

describe('findSetting', () => {
  it('finds settings of tables and of connections with any name', () => {
    const paths = ['jobs.max_jobs', 'github.a.token', 'github.my.own.url', 'github."my \\"own\\"".url'].map(
      (name) => findSetting(name).path,
    );
    assert.deepEqual(paths, [
      ['jobs', 'max_jobs'],
      ['github', 'a', 'token'],
      ['github', 'my.own', 'url'],
      ['github', 'my "own"', 'url'],
    ]);
  });

  it('finds prices of models with any name', () => {
    const names = ['limits.prices.gpt-5.1.cached_input', 'limits.prices."gpt-5.1".input', 'limits.prices.a.output'];
    assert.deepEqual(
      names.map((name) => findSetting(name).path),
      [
        ['limits', 'prices', 'gpt-5.1', 'cached_input'],
        ['limits', 'prices', 'gpt-5.1', 'input'],
        ['limits', 'prices', 'a', 'output'],
      ],
    );
  });

  it('finds credentials with any name, and the settings beside them', () => {
    const names = [
      'credentials.npm.hosts',
      'credentials.a.b.variable',
      'credentials."a b".header',
      'credentials.broker',
    ];
    assert.deepEqual(
      names.map((name) => findSetting(name).path),
      [
        ['credentials', 'npm', 'hosts'],
        ['credentials', 'a.b', 'variable'],
        ['credentials', 'a b', 'header'],
        ['credentials', 'broker'],
      ],
    );
  });

  it('finds every setting by its listed name', () => {
    for (const { name, path } of allSettings({
      ...{ github: ['a', 'a b', 'a.b', '"'], credentials: ['a', 'a.b'], 'limits.prices': ['m', 'gpt-5.1', '"', 'a b'] },
    })) {
      assert.deepEqual([name, findSetting(name).path], [name, path]);
    }
  });

  it('suggests the nearest name', () => {
    const mistakes = [
      ['runner.tokn', /"runner\.token"/],
      ['max_jobs', /unknown setting "max_jobs"/],
      ['github.a.tokn', /"github\.a\.token"/],
      ['limits.prices.gpt-5.inptu', /"limits\.prices\.gpt-5\.input"/],
      ['limits.prices.gpt-5', /is a table, not a setting/],
      ['credentials.npm.host', /"credentials\.npm\.hosts"/],
      ['credentials.npm', /is a table, not a setting/],
      ['credentials', /is a table, not a setting/],
      ['credentials.hosts', /unknown setting/],
      ['github.token', /unknown setting/],
    ] as const;
    for (const [name, message] of mistakes) {
      assert.throws(
        () => findSetting(name),
        (error) => error instanceof UserError && error.exitCode === ExitCode.usage && message.test(error.message),
      );
    }
  });
});

describe('kinds', () => {
  it('show every default so that it round-trips', () => {
    for (const { name, field } of allSettings({})) {
      if (field.default === undefined) continue;
      assert.deepEqual(field.kind.fromToml(field.kind.show(field.default)), field.default, name);
    }
  });
});
