/** Checks a GraphQL document against the shapes and mutations that pass, and collects the IDs that GitHub has to explain. */
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';
import { isComment } from '../review-rest.ts';
import { type GithubRules, mayRead, parseRepository } from '../rules.ts';
import { isLimitedSearch } from '../search-query.ts';
import { type InputRule, mutations } from './mutations.ts';
import { connectionFields, countFields, edgeFields, pageFields, type Shape, shapes } from './shapes.ts';
import { InvalidDocument, namedValues, readVariables, type Variables } from './values.ts';

/** An ID in the document, and what it must be. */
export type IdCheck =
  | { id: string; rule: 'readable' | Exclude<InputRule, 'any' | 'head' | 'event'> }
  /** The repository of a new pull request, whose branch is `head`. */
  | { id: string; rule: 'head'; head: string };

/** The document asks for what an agent may not do. The message says for what. */
export class ForbiddenDocument extends Error {
  override readonly name = 'ForbiddenDocument';
}

interface Context {
  rules: GithubRules;
  variables: Variables;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Fragments that have been checked for a shape. */
  seen: Set<string>;
  ids: IdCheck[];
}

/** @returns checks that remain. @throws InvalidDocument, ForbiddenDocument */
export function checkDocument(document: DocumentNode, variables: unknown, rules: GithubRules): IdCheck[] {
  const operations: OperationDefinitionNode[] = [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    else if (definition.kind !== Kind.FRAGMENT_DEFINITION) throw new InvalidDocument('it defines types');
    else if (fragments.has(definition.name.value)) throw new InvalidDocument('two fragments have one name');
    else fragments.set(definition.name.value, definition);
  }
  const [operation, ...others] = operations;
  if (operation === undefined || others.length > 0) throw new InvalidDocument('it does not have exactly one operation');
  const context = {
    rules,
    variables: readVariables(operation, variables),
    fragments,
    seen: new Set<string>(),
    ids: [],
  };
  requirePlain(operation.directives);
  if (operation.operation === OperationTypeNode.QUERY) checkQuery(operation.selectionSet, context);
  else if (operation.operation === OperationTypeNode.MUTATION) checkMutations(operation.selectionSet, context);
  else throw new ForbiddenDocument('a subscription');
  return context.ids;
}

function checkQuery(selectionSet: SelectionSetNode, context: Context): void {
  checkSelections(selectionSet, shapeNamed('Query'), 'Query', context);
}

function checkMutations(selectionSet: SelectionSetNode, context: Context): void {
  for (const selection of selectionSet.selections) {
    if (selection.kind !== Kind.FIELD) throw new ForbiddenDocument('a mutation within a fragment');
    requirePlain(selection.directives);
    const name = selection.name.value;
    if (name === '__typename') continue;
    const mutation = Object.hasOwn(mutations, name) ? mutations[name] : undefined;
    if (mutation === undefined) throw new ForbiddenDocument(`the mutation ${name}`);
    const given = namedValues(selection.arguments ?? [], context.variables);
    const input = given.get('input');
    if (given.size !== 1 || !(input instanceof Map)) throw new InvalidDocument(`${name} has no input`);
    checkInput(name, input as ReadonlyMap<string, unknown>, context);
    if (!mutation.needs.some((key) => isGiven(input.get(key)))) throw new InvalidDocument(`${name} lacks an ID`);
    if (selection.selectionSet !== undefined)
      checkSelections(selection.selectionSet, shapeNamed('Payload'), 'Payload', context);
  }
}

const isGiven = (value: unknown) => value !== undefined && value !== null;

function checkInput(name: string, input: ReadonlyMap<string, unknown>, context: Context): void {
  const allowed = new Map(Object.entries(mutations[name]?.input ?? {}));
  for (const [key, value] of input) {
    const rule = allowed.get(key);
    if (rule === undefined) throw new ForbiddenDocument(`${key} of the mutation ${name}`);
    if (rule === 'any' || !isGiven(value)) continue;
    if (rule === 'event') {
      if (!isComment(value))
        throw new ForbiddenDocument(`a review that is more than a comment or a request for changes`);
    } else if (rule === 'head') {
      const repository = input.get('headRepositoryId') ?? input.get('repositoryId');
      if (typeof repository !== 'string' || typeof value !== 'string') throw new InvalidDocument(`${name} lacks an ID`);
      context.ids.push({ id: repository, rule, head: value });
    } else if (typeof value === 'string') context.ids.push({ id: value, rule });
    else throw new InvalidDocument(`${key} is no ID`);
  }
}

/** @param on the name of the shape, for the record of checked fragments */
function checkSelections({ selections }: SelectionSetNode, shape: Shape, on: string, context: Context): void {
  for (const selection of selections) {
    requirePlain(selection.directives);
    if (selection.kind === Kind.FIELD) {
      checkField(selection, shape, on, context);
      continue;
    }
    const isNamed = selection.kind === Kind.FRAGMENT_SPREAD;
    const fragment = isNamed ? context.fragments.get(selection.name.value) : selection;
    if (fragment === undefined) throw new InvalidDocument('a fragment is missing');
    const type = fragment.typeCondition?.name.value;
    const member = type === undefined || type === on || shape.types.has(type) ? on : memberOf(shape, type);
    if (member === undefined) throw new ForbiddenDocument(`${type} in the place of ${on}`);
    if (isNamed) {
      const key = `${selection.name.value} ${member}`;
      if (context.seen.has(key)) continue;
      context.seen.add(key);
      requirePlain(fragment.directives);
    }
    checkSelections(fragment.selectionSet, shapeNamed(member), member, context);
  }
}

function memberOf({ members }: Shape, type: string): string | undefined {
  return Object.hasOwn(members, type) ? members[type] : undefined;
}

function checkField(field: FieldNode, shape: Shape, on: string, context: Context): void {
  const name = field.name.value;
  if (name === '__typename') {
    requireLeaf(field);
    return;
  }
  if (!shape.fields.has(name)) throw new ForbiddenDocument(`the field ${name} of ${on}`);
  if (on === 'Query') checkRootArguments(field, context);
  const next = shape.fields.get(name);
  if (next === undefined) {
    requireLeaf(field);
    return;
  }
  if (field.selectionSet === undefined) throw new InvalidDocument(`it wants nothing of ${name}`);
  if (next.isConnection) checkConnection(field.selectionSet, next.shape, context);
  else checkSelections(field.selectionSet, shapeNamed(next.shape), next.shape, context);
}

function checkRootArguments({ name: { value: name }, arguments: nodes = [] }: FieldNode, context: Context): void {
  const { rules } = context;
  const given = namedValues(nodes, context.variables);
  const text = (key: string) => {
    const value = given.get(key);
    return typeof value === 'string' ? value : '';
  };
  if (name === 'repository') {
    const repository = parseRepository(text('owner'), text('name'));
    if (repository === undefined || !mayRead(rules, repository))
      throw new ForbiddenDocument(`${text('owner')}/${text('name')}, no repository of the environment or the task,`);
  } else if (name === 'search') {
    const isIssues = /^ISSUE(?:_ADVANCED|_HYBRID|_SEMANTIC)?$/.test(text('type'));
    if (!isIssues || !isLimitedSearch(rules, text('query')))
      throw new ForbiddenDocument('a search that may find other repositories');
  } else if (name === 'node' || name === 'nodes') {
    const ids = [given.get(name === 'node' ? 'id' : 'ids')].flat(2);
    for (const id of ids) {
      if (typeof id !== 'string') throw new InvalidDocument('an ID is no text');
      context.ids.push({ id, rule: 'readable' });
    }
  }
}

function checkConnection({ selections }: SelectionSetNode, item: string, context: Context): void {
  for (const selection of selections) {
    requirePlain(selection.directives);
    if (selection.kind !== Kind.FIELD) throw new ForbiddenDocument('a fragment of a connection');
    const name = selection.name.value;
    const { selectionSet } = selection;
    if (name === 'nodes' && selectionSet) checkSelections(selectionSet, shapeNamed(item), item, context);
    else if (name === 'edges' && selectionSet) checkEdges(selectionSet, item, context);
    else if (name === 'pageInfo' && selectionSet) requireOnly(selectionSet, pageFields);
    else if (/^(?:checkRun|statusContext)CountsByState$/.test(name) && selectionSet)
      requireOnly(selectionSet, countFields);
    else if (connectionFields.has(name) || name === '__typename') requireLeaf(selection);
    else throw new ForbiddenDocument(`the field ${name} of a connection`);
  }
}

function checkEdges({ selections }: SelectionSetNode, item: string, context: Context): void {
  for (const selection of selections) {
    requirePlain(selection.directives);
    if (selection.kind !== Kind.FIELD) throw new ForbiddenDocument('a fragment of an edge');
    const { selectionSet } = selection;
    if (selection.name.value === 'node' && selectionSet) checkSelections(selectionSet, shapeNamed(item), item, context);
    else if (edgeFields.has(selection.name.value)) requireLeaf(selection);
    else throw new ForbiddenDocument(`the field ${selection.name.value} of an edge`);
  }
}

function requireOnly({ selections }: SelectionSetNode, allowed: ReadonlySet<string>): void {
  for (const selection of selections) {
    requirePlain(selection.directives);
    if (selection.kind !== Kind.FIELD || !allowed.has(selection.name.value))
      throw new ForbiddenDocument('an unknown field of a connection');
    requireLeaf(selection);
  }
}

function requireLeaf({ selectionSet, name }: FieldNode): void {
  if (selectionSet !== undefined) throw new ForbiddenDocument(`fields of ${name.value}`);
}

/** Skipped fields are checked all the same. */
function requirePlain(directives: readonly DirectiveNode[] = []): void {
  const other = directives.find(({ name }) => name.value !== 'include' && name.value !== 'skip');
  if (other !== undefined) throw new ForbiddenDocument(`the directive @${other.name.value}`);
}

function shapeNamed(name: string): Shape {
  const shape = shapes.get(name);
  if (shape === undefined) throw new Error(`there is no shape ${name}`);
  return shape;
}
