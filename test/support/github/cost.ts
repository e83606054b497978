/**
 * Computes the cost of a query at GitHub, and whether GitHub would reject it. Source: docs.github.com, "Rate limits and
 * query limits for the GraphQL API".
 */
import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

export interface QueryCost {
  /** Points of the hourly 5,000. */
  points: number;
  nodes: number;
  /** Errors that GitHub would return. */
  problems: string[];
}

const maxNodes = 500_000;

export function costOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): QueryCost {
  let requests = 0;
  let nodes = 0;
  const problems: string[] = [];

  function visit(set: SelectionSetNode | undefined, parent: GraphQLCompositeType, parents: number): void {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) throw new Error('named fragments are not counted yet');
      if (selection.kind === Kind.FIELD) visitField(selection, parent, parents);
      else visit(selection.selectionSet, conditionOf(selection.typeCondition?.name.value) ?? parent, parents);
    }
  }

  function visitField(field: FieldNode, parent: GraphQLCompositeType, parents: number): void {
    const name = field.name.value;
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
    if (!definition) return;
    const type = getNamedType(definition.type);
    let count = parents;
    if (type.name.endsWith('Connection')) {
      const size = pageSizeOf(field);
      if (size === undefined)
        problems.push(
          `You must provide a \`first\` or \`last\` value to properly paginate the \`${name}\` connection.`,
        );
      else if (size < 1 || size > 100)
        problems.push(
          `Requesting ${size} records on the \`${name}\` connection exceeds the \`first\` limit of 100 records.`,
        );
      requests += parents;
      count = parents * (size ?? 0);
      nodes += count;
    }
    if (isCompositeType(type)) visit(field.selectionSet, type, count);
  }

  function pageSizeOf(field: FieldNode): number | undefined {
    const argument = field.arguments?.find(({ name }) => name.value === 'first' || name.value === 'last')?.value;
    if (argument?.kind === Kind.INT) return Number(argument.value);
    return argument?.kind === Kind.VARIABLE ? Number(variables[argument.name.value]) : undefined;
  }

  function conditionOf(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }

  const root = schema.getQueryType();
  if (root) visit(operation.selectionSet, root, 1);
  if (nodes > maxNodes)
    problems.push(`This query requests up to ${nodes} possible nodes which exceeds the maximum limit of 500,000.`);
  return { points: Math.max(1, Math.round(requests / 100)), nodes, problems };
}
