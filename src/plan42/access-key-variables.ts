import { shellQuote } from '../lib/shell-quote.ts';
import type { NewAccessKey } from './admin-objects.ts';

/**
 * Returns the shell commands that set the key for `p42-ctl`. The server accepts any region. A session token belongs to
 * another key, and is refused.
 */
export function accessKeyVariables({
  AccessKeyID,
  SecretAccessKey,
}: Pick<NewAccessKey, 'AccessKeyID' | 'SecretAccessKey'>): string {
  return [
    `export AWS_ACCESS_KEY_ID=${shellQuote(AccessKeyID)}`,
    `export AWS_SECRET_ACCESS_KEY=${shellQuote(SecretAccessKey)}`,
    'export AWS_REGION=plan42',
    'unset AWS_SESSION_TOKEN',
  ].join('\n');
}
