import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExitCode, UserError } from '../lib/errors.ts';
import { allSettings, findSetting, namedTable } from './find-setting.ts';
import { renderKey } from './toml/render.ts';

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

  it('reads names in quotes as TOML does', () => {
    const model = ['runner', 'model_mappings', 'GPT-5.1 Codex', 'provider'];
    const same = [
      'runner.model_mappings."GPT-5.1 Codex".provider',
      "runner.model_mappings.'GPT-5.1 Codex'.provider",
      'runner.model_mappings."GPT-5.1\\u0020Codex"."provider"',
      `runner . "model_mappings" . 'GPT-5.1 Codex' . provider`,
      'runner.model_mappings.GPT-5.1 Codex.provider',
    ];
    for (const name of same) assert.deepEqual(findSetting(name).path, model, name);
    for (const name of same.slice(0, -1)) assert.equal(findSetting(name).name, renderKey(model));
    assert.deepEqual(findSetting(`github.'a"b\\'.token`).path, ['github', 'a"b\\', 'token']);
    assert.deepEqual(findSetting(`github."a'b=c".token`).path, ['github', "a'b=c", 'token']);
    assert.deepEqual(findSetting(`"runner".'url'`).path, ['runner', 'url']);
    assert.deepEqual(namedTable("limits.prices.'gpt-5.1'"), ['limits', 'prices', 'gpt-5.1']);
    const wrong = [
      `runner.model_mappings.'GPT`,
      `runner.model_mappings."a"b.provider`,
      'runner.model_mappings.x"y.provider',
      `runner.model_mappings.'a\nb'.provider`,
      'github."a".token = 1 #',
      'github.a b."token"',
    ];
    const isNoKey = (error: unknown) => error instanceof UserError && error.message.endsWith(' is not a key of TOML');
    for (const name of wrong) {
      assert.throws(() => findSetting(name), isNoKey, name);
    }
    for (const name of ['runner.model_mappings."".provider', "github.''.token", 'runner.model_mappings.""'])
      assert.throws(() => findSetting(name), { message: 'an empty name is not allowed' }, name);
    for (const name of ['github."__proto__".token', "github . '__proto__'.token", 'github.__proto__.token'])
      assert.throws(() => findSetting(name), { message: 'the name "__proto__" is not allowed' }, name);
    assert.deepEqual(findSetting('github."a__proto__".token').path, ['github', 'a__proto__', 'token']);
    for (const name of ['"runner.model_mappings".x.provider', "runner.model_mappings.a.'b'.provider", 'github."a"'])
      assert.throws(() => findSetting(name), UserError, name);
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
