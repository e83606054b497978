/** Environment variables of agents: `jobs.env`. Their values are secrets, which no error may contain. */
import { InvalidValue, type Kind, list } from './kinds.ts';

export interface Variable {
  name: string;
  /** Undefined if the runner passes its own variable of this name. */
  value: string | undefined;
}

export const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
// The runner sets these itself.
const reserved = /^PLAN42_(URL|JOB_ID)$/;
// Never for agents.
const ownSetting = /^PLAN42_(RUNNER|JOBS|LIMITS|IMAGES|QUEUES|HOST|NETWORK|EGRESS|CREDENTIALS|HEALTH|LOG)_/;

/** @throws InvalidValue without the value */
export function parseVariable(text: string, position: number): Variable {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  if (!namePattern.test(name))
    throw new InvalidValue(`a list whose item ${position} is not "NAME=value", or "NAME" for a variable of the runner`);
  if (reserved.test(name) || ownSetting.test(name))
    throw new InvalidValue(`a list with ${name}, which only the runner may set`);
  // Engines read variables from a file, one a line.
  if (value !== undefined && /[\0\r\n]/.test(value))
    throw new InvalidValue(`a list with ${name}, whose value has more than one line; mount a file instead`);
  return { name, value };
}

const readVariables = (value: unknown): readonly Variable[] => {
  const variables = list.fromToml(value).map((text, n) => parseVariable(text, n + 1));
  const names = variables.map(({ name }) => name);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw new InvalidValue(`a list with ${twice} twice`);
  return variables;
};

export const variables: Kind<readonly Variable[]> = {
  notation: 'array of "NAME=value", or "NAME" for the value of the runner’s own variable',
  jsonSchema: list.jsonSchema,
  toToml: (text) => list.toToml(text),
  fromToml: readVariables,
  fromText: (text) => readVariables(list.toToml(text)),
  show: (value) => value.map((each) => (each.value === undefined ? each.name : `${each.name}=${each.value}`)),
};
