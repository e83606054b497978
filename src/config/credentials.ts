/** Kinds of the settings in `[credentials.NAME]`. */
import { InvalidEntry, parseEntry } from '../gateway/entries.ts';
import { InvalidValue, type Kind, list, text } from './kinds.ts';
import { namePattern } from './variables.ts';

export interface CredentialHost {
  host: string;
  port: number;
}

/** Reads a host that a credential is for: exactly one, on one port. @throws InvalidValue */
export function parseCredentialHost(entry: string): CredentialHost {
  const invalid = (why: string) => new InvalidValue(`a list with ${JSON.stringify(entry.slice(0, 300))}, which ${why}`);
  try {
    const [found, ...others] = parseEntry(entry);
    if (found === undefined || others.length > 0) throw invalid('is a preset; name the hosts');
    if (found.kind === 'address') throw invalid('is an address; name the host');
    if (found.host.includes('*')) throw invalid('has a *; name each host');
    const [port = 443] = found.ports;
    return { host: found.host, port: found.ports.length > 1 ? 443 : port };
  } catch (error) {
    if (!(error instanceof InvalidEntry)) throw error;
    throw invalid(error.message);
  }
}

function checked(entries: readonly string[]): readonly string[] {
  if (entries.length === 0) throw new InvalidValue('an empty list; name the hosts');
  for (const entry of entries) parseCredentialHost(entry);
  return entries;
}

export const credentialHosts: Kind<readonly string[]> = {
  ...list,
  notation: 'array of hosts, each with ":port" if it is not 443',
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (value) => checked(list.fromText(value)),
};

function matching(pattern: RegExp, notation: string, what: string): Kind<string> {
  const check = (value: string) => {
    if (!pattern.test(value)) throw new InvalidValue(`not ${what}`);
    return value;
  };
  return {
    ...text,
    notation,
    fromToml: (value) => check(text.fromToml(value)),
    fromText: (value) => check(text.fromText(value)),
  };
}

export const variableName = matching(namePattern, '"NAME"', 'the name of a variable');
export const headerName = matching(/^[A-Za-z0-9-]{1,100}$/, '"Name"', 'the name of a header');
