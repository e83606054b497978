/** The shapes against the schema that GitHub publishes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { githubSchema } from '../../../../test/support/github/graphql.ts';
import { mutations } from './mutations.ts';
import { type Shape, shapes } from './shapes.ts';

const schema = githubSchema();

function fieldsOf(type: GraphQLNamedType): Record<string, GraphQLField<unknown, unknown>> {
  return isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
}

/** Types of GitHub at which a shape can stand, by a walk from the root. */
function typesByShape(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const visit = (name: string, typeName: string) => {
    const seen = found.get(name) ?? new Set<string>();
    if (seen.has(typeName)) return;
    found.set(name, seen.add(typeName));
    const [shape, type] = [shapes.get(name), schema.getType(typeName)];
    assert.ok(shape && type, `${name} of ${typeName}`);
    for (const [member, to] of Object.entries(shape.members)) visit(to, member);
    for (const [field, next] of shape.fields) {
      const published = fieldsOf(type)[field];
      if (published === undefined || next === undefined) continue;
      const target = getNamedType(published.type);
      const item = next.isConnection ? getNamedType(fieldsOf(target)['nodes']?.type) : target;
      visit(next.shape, item?.name ?? assert.fail(`${name}.${field} is no connection`));
    }
  };
  visit('Query', 'Query');
  const root = schema.getMutationType()?.getFields() ?? {};
  for (const name of Object.keys(mutations)) {
    const payload = root[name] && getNamedType(root[name].type);
    // Newer than the schema.
    if (payload) visit('Payload', payload.name);
  }
  return found;
}

describe('the shapes of GraphQL', () => {
  const found = typesByShape();
  // Of introspection, which every schema has.
  const isOfSchema = (name: string) => name === 'Meta' || name.startsWith('Query.__');

  test('are all in use', () => {
    assert.deepEqual(
      [...shapes.keys()].filter((name) => !found.has(name) && !isOfSchema(name)),
      [],
    );
  });

  test('stand where GitHub has objects, and leaves where it has none', () => {
    for (const [name, types] of found) {
      const shape = shapes.get(name) as Shape;
      for (const [field, next] of shape.fields) {
        for (const typeName of types) {
          const published = fieldsOf(schema.getType(typeName) as GraphQLNamedType)[field];
          if (published === undefined) continue;
          assert.equal(isLeafType(getNamedType(published.type)), next === undefined, `${name}.${field} of ${typeName}`);
        }
      }
    }
  });

  test('have no field that GitHub does not have', () => {
    // Newer than the schema that is installed.
    const newer = new Set([
      ...['Repository.suggestedActors', 'PullRequest.assignedActors', 'Issue.assignedActors', 'Issue.issueType'],
      'IssueComment.isPinned',
    ]);
    const unknown = [...found].flatMap(([name, types]) =>
      [...(shapes.get(name)?.fields.keys() ?? [])]
        .filter((field) => ![...types].some((type) => fieldsOf(schema.getType(type) as GraphQLNamedType)[field]))
        .map((field) => `${name}.${field}`),
    );
    assert.deepEqual(
      unknown.filter((field) => !newer.has(field) && !isOfSchema(field)),
      [],
    );
  });

  test('open a repository only at the root, where its name is checked', () => {
    const roots = new Set(['Query.repository', 'Node.Repository']);
    const ways = [...shapes].flatMap(([name, { fields, members }]) =>
      [...[...fields].map(([field, next]) => [field, next?.shape]), ...Object.entries(members)].map(([way, to]) => ({
        to,
        name: `${name}.${way}`,
      })),
    );
    const leads = (shapeName: string) => ways.filter(({ to }) => to === shapeName).map(({ name }) => name);
    assert.deepEqual(
      leads('Repository').filter((lead) => !roots.has(lead)),
      [],
    );
    assert.deepEqual(
      [...leads('Query'), ...leads('Viewer')].filter((lead) => lead !== 'Query.viewer'),
      [],
    );
  });

  test('lead to other repositories by their names only', () => {
    // Types whose fields could lead on, at which a small shape has to stop.
    const large = new Set([
      'Repository',
      'User',
      'Organization',
      'Team',
      'Bot',
      'Mannequin',
      'Enterprise',
      'EnterpriseUserAccount',
    ]);
    const small = new Set([
      'Repository',
      'OtherRepository',
      'OtherRef',
      'OtherTarget',
      'Person',
      'Viewer',
      'Meta',
      'OwnPull',
      'LinkedIssue',
      'LinkedPull',
    ]);
    for (const [name, types] of found) {
      for (const typeName of types) {
        const type = schema.getType(typeName) as GraphQLNamedType;
        const possible = isAbstractType(type) ? schema.getPossibleTypes(type).map((each) => each.name) : [typeName];
        const isBase =
          isAbstractType(type) && [...(shapes.get(name)?.fields.values() ?? [])].every((next) => next === undefined);
        if (possible.some((each) => large.has(each)) && !isBase)
          assert.ok(small.has(name), `${name} stands for ${typeName}`);
      }
    }
    const next = (name: string) =>
      [...(shapes.get(name)?.fields.values() ?? [])].flatMap((to) => (to ? [to.shape] : []));
    for (const name of [...small].filter((each) => each !== 'Repository' && each !== 'Meta'))
      assert.ok(
        next(name).every((to) => small.has(to) && to !== 'Repository'),
        name,
      );
  });

  test('mutations have inputs that GitHub has', () => {
    const root = schema.getMutationType()?.getFields() ?? {};
    const newer = new Set(['requestReviewsByLogin', 'replaceActorsForAssignable']);
    for (const [name, { input, needs }] of Object.entries(mutations)) {
      if (newer.has(name) && root[name] === undefined) continue;
      const type = getNamedType(root[name]?.args.find((arg) => arg.name === 'input')?.type ?? assert.fail(name));
      const fields = 'getFields' in type ? Object.keys(type.getFields()) : [];
      const isKnown = (key: string) => fields.includes(key) || newer.has(name) || key === 'botIds';
      assert.deepEqual(
        Object.keys(input).filter((key) => !isKnown(key)),
        [],
        name,
      );
      assert.ok(needs.every((key) => key in input));
    }
  });
});
