/** The values of arguments in a GraphQL document. */
import { type ConstValueNode, Kind, type OperationDefinitionNode, type ValueNode } from 'graphql';

/** The document is not clear enough to be checked. */
export class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument';
}

export type Variables = ReadonlyMap<string, unknown>;

/** Those that the operation declares, with their defaults. @throws InvalidDocument */
export function readVariables({ variableDefinitions = [] }: OperationDefinitionNode, given: unknown): Variables {
  if (given !== undefined && given !== null && (typeof given !== 'object' || Array.isArray(given)))
    throw new InvalidDocument('its variables are no object');
  const values = new Map(Object.entries((given ?? {}) as Record<string, unknown>));
  const variables = new Map<string, unknown>();
  for (const { variable, defaultValue } of variableDefinitions) {
    const name = variable.name.value;
    if (variables.has(name)) throw new InvalidDocument(`it declares $${name} twice`);
    variables.set(name, values.has(name) ? values.get(name) : defaultValue && readValue(defaultValue, new Map()));
  }
  return variables;
}

/** Objects become maps, and variables without a value are undefined. @throws InvalidDocument */
export function readValue(node: ValueNode | ConstValueNode, variables: Variables): unknown {
  switch (node.kind) {
    case Kind.VARIABLE:
      if (!variables.has(node.name.value)) throw new InvalidDocument(`it does not declare $${node.name.value}`);
      return asMaps(variables.get(node.name.value));
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.LIST:
      return node.values.map((value) => readValue(value, variables));
    case Kind.OBJECT:
      return namedValues(node.fields, variables);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
  }
}

/** Reads the arguments of a field, or the fields of an object. @throws InvalidDocument */
export function namedValues(
  nodes: readonly { name: { value: string }; value: ValueNode }[],
  variables: Variables,
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const { name, value } of nodes) {
    if (values.has(name.value)) throw new InvalidDocument(`it names ${name.value} twice`);
    values.set(name.value, readValue(value, variables));
  }
  return values;
}

function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== 'object' || value === null || value instanceof Map) return value;
  return new Map(Object.entries(value).map(([name, field]) => [name, asMaps(field)]));
}
