import { redact } from '../../lib/redact.ts';

// A shorter one would make ordinary words unreadable.
const minSecretLength = 6;

/** Returns a function that replaces these secrets, and everything that looks like one, with `[redacted]`. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  // Programs print the lines of a key one by one.
  const values = secrets.flatMap((secret) => [secret, ...secret.split('\n')]).map((value) => value.trim());
  const longestFirst = [...new Set(values)]
    .filter((value) => value.length >= minSecretLength)
    .toSorted((a, b) => b.length - a.length);
  return (text) => redact(longestFirst.reduce((clean, value) => clean.replaceAll(value, '[redacted]'), text));
}
