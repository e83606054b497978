/** Parses arguments as the real command does, which rejects unknown ones with exit code 64. */
export interface Spec {
  /** Names of an option that takes a value, the long one first. */
  options?: readonly (readonly string[])[];
  flags?: readonly (readonly string[])[];
  /** All arguments after the first positional one belong to the container. */
  passThrough?: boolean;
}

export interface Parsed {
  options: Map<string, string[]>;
  flags: Set<string>;
  positional: string[];
}

export class Refusal extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

const usage = 64;

export function parseArguments(args: readonly string[], spec: Spec): Parsed {
  const parsed: Parsed = { options: new Map(), flags: new Set(), positional: [] };
  const find = (names: Spec['options'], name: string) => names?.find((aliases) => aliases.includes(name))?.[0];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('-') || arg === '-') {
      parsed.positional.push(...args.slice(i, spec.passThrough ? undefined : i + 1));
      if (spec.passThrough) break;
      continue;
    }
    const flag = find([...(spec.flags ?? []), ['--debug']], arg);
    const option = find(spec.options, arg);
    if (flag !== undefined) parsed.flags.add(flag);
    else if (option === undefined) throw new Refusal(`Unknown option '${arg}'`, usage);
    else {
      i += 1;
      const value = args[i];
      if (value === undefined) throw new Refusal(`Missing value for '${arg}'`, usage);
      parsed.options.set(option, [...(parsed.options.get(option) ?? []), value]);
    }
  }
  return parsed;
}

export function wholeNumber(text: string, option: string): number {
  if (!/^\d+$/.test(text)) throw new Refusal(`The value '${text}' is invalid for '${option}'`, usage);
  return Number(text);
}

/** Parses `8G`, `512M` and so on into bytes. */
export function bytes(text: string): number {
  const match = /^(\d+)([KMGTP]?)B?$/i.exec(text);
  if (!match) throw new Refusal(`invalid memory value: ${text}`);
  return Number(match[1]) * 1024 ** ' KMGTP'.indexOf(match[2]?.toUpperCase() || ' ');
}
