import type { Edit } from '../config/toml/edit.ts';
import { parseToml } from '../config/toml/parse.ts';

const urlPath = ['runner', 'url'];
const skipPath = ['runner', 'skip_ssl_verify'];

/** Leaving the certificate of one server unchecked says nothing about another: a new URL switches the checks on again. */
export function changeOfUrl(source: string, edits: readonly Edit[]): Edit[] {
  const { runner } = parseToml(source).values as { runner?: { url?: unknown; skip_ssl_verify?: unknown } };
  const url = edits.find((edit) => edit.path.join('.') === urlPath.join('.'));
  const isOther = url !== undefined && (url.type === 'unset' || url.value !== runner?.url);
  return isOther && runner?.skip_ssl_verify === true ? [{ type: 'set', path: skipPath, value: false }] : [];
}

/** What people are told of it. */
export const urlChangeNote =
  'runner.skip_ssl_verify is false now, since runner.url has changed: certificates are checked again';
