import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editToml } from '../config/toml/edit.ts';
import { readForm } from './form.ts';
import { type Draft, editsFor } from './form-edits.ts';

const form = (content: string | undefined) => readForm({ path: '/c.toml', content });

/** The file after the draft is saved; `change` makes the draft from what the file has. */
function save(
  content: string | undefined,
  tenant: { id: string; name: string }[],
  change: Partial<Draft> = {},
): string {
  const base = form(content);
  const known = [
    ...base.connections.map(({ key, url, token }) => [key, { url, token }] as const),
    ...tenant.map(({ id }) => [id.toLowerCase(), { url: 'https://github.com', token: '' }] as const),
  ];
  // Of two with the same key, the file's.
  const connections = new Map(known.toReversed());
  const draft = { runner: base.runner, models: base.models, connections, removed: [], ...change };
  return editToml(content ?? '', editsFor(base, draft, tenant));
}

const work = { id: 'AA-1', name: 'work' };

describe('editsFor', () => {
  it('writes everything into a new file', () => {
    const runner = { url: 'https://api.dev.plan42.ai', token: 't', runtime: 'podman' } as const;
    const connections = new Map([['aa-1', { url: 'https://ghe.example', token: 'g' }]]);
    assert.equal(
      save(undefined, [work], { runner, connections }),
      '[runner]\nurl = "https://api.dev.plan42.ai"\ntoken = "t"\nruntime = "podman"\n\n' +
        '[github.work]\nname = "work"\nurl = "https://ghe.example"\nconnection_id = "AA-1"\ntoken = "g"\n',
    );
  });

  it('writes models into the table of the runner, and takes out those that were emptied', () => {
    const models = {
      openai_endpoint: '',
      openai_token: 'sk-new',
      claude_endpoint: 'https://own.example',
      claude_token: '',
    };
    const before =
      '[runner]\nopenai_endpoint = "https://old.example" # ours\nclaude_token = "sk-ant"\nno_websearch = true\n';
    assert.equal(
      save(before, [], { models }),
      '[runner]\n# ours\nno_websearch = true\nopenai_token = "sk-new"\nclaude_endpoint = "https://own.example"\n',
    );
  });

  it('does not change a file with equal content', () => {
    const content = '# c\nrunner.token = "t"\n[github."x y"]\nconnection_id = "aa-1"\nname = "work"\ntoken = ""\n';
    assert.equal(save(content, [work]), content);
  });

  it('finds a connection by its ID, takes over a new name, and keeps the table', () => {
    const content = '[github.a]\nname = "a" # n\nconnection_id = "aa-1"\ntoken = "g"\n';
    assert.equal(save(content, [work]), content.replace('"a" # n', '"work" # n'));
  });

  it('keeps connections of the same name apart', () => {
    const content = '[github.work]\nconnection_id = "zz"\n';
    const names = Object.keys(
      Object.groupBy(form(save(content, [work, { id: 'bb', name: 'work' }])).connections, ({ table }) => table),
    );
    assert.deepEqual(names, ['work', 'work-2', 'work-3']);
  });

  it('makes a table for any name', () => {
    const names = ['', '__proto__', 'constructor', 'a.b', 'a "b"', 'é\n', 'connection'];
    const tenant = names.map((name, index) => ({ id: `id-${index}`, name }));
    const content = save('', tenant);
    assert.deepEqual(
      form(content).connections.map(({ id, name = '' }) => ({ id, name })),
      tenant,
    );
    assert.equal(save(content, tenant), content, 'and finds it again');
  });

  it('keeps connections unknown to the server until they are removed', () => {
    const content = '[github.old]\nconnection_id = "zz" # keep\ntoken = "g"\n\n[github.mine]\ntoken = "h"\n';
    assert.equal(save(content, []), content);
    assert.equal(save(content, [], { removed: ['zz', '[mine]'] }), '# keep\n');
  });

  it('changes the first of two tables with the same ID, and shows the other as gone', () => {
    const content = '[github.a]\nconnection_id = "aa-1"\nname = "work"\n[github.b]\nconnection_id = "AA-1"\n';
    assert.deepEqual(
      form(content).connections.map(({ key }) => key),
      ['aa-1', '[b]'],
    );
    const connections = new Map([['aa-1', { url: 'https://github.com', token: 'g' }]]);
    assert.equal(save(content, [work], { connections }), content.replace('[github.b]', 'token = "g"\n[github.b]'));
  });

  it('takes a key out that was emptied', () => {
    const content =
      '[runner]\ntoken = "t"\n[github.work]\nname = "work"\nconnection_id = "aa-1"\nurl = "https://x"\ntoken = "g"\n';
    const connections = new Map([['aa-1', { url: '', token: '' }]]);
    assert.equal(save(content, [work], { connections }), content.replace('url = "https://x"\ntoken = "g"\n', ''));
  });
});
