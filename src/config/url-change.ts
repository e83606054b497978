import { type Edit, editToml } from './toml/edit.ts';
import { parseToml } from './toml/parse.ts';

const urlPath = ['runner', 'url'];
const skipPath = ['runner', 'skip_ssl_verify'];

/** Certificate verification is disabled for one server only, so a new URL enables it again. */
export function changeOfUrl(source: string, edits: readonly Edit[]): Edit[] {
  const { runner } = parseToml(source).values as { runner?: { url?: unknown; skip_ssl_verify?: unknown } };
  const url = edits.find((edit) => edit.path.join('.') === urlPath.join('.'));
  const isOther = url !== undefined && (url.type === 'unset' || url.value !== runner?.url);
  return isOther && runner?.skip_ssl_verify === true ? [{ type: 'set', path: skipPath, value: false }] : [];
}

/** Applies the edits, and verifies certificates again if they change the URL. */
export function editSettings(source: string, edits: readonly Edit[]): string {
  return editToml(source, [...changeOfUrl(source, edits), ...edits]);
}

/** Warning for the user. */
export const urlChangeNote =
  'runner.skip_ssl_verify is now false, because runner.url has changed: certificates are verified again';
