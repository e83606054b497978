/** The certificate authorities that this machine trusts. */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { readableFolder, unreadAuthorities } from './authority-variables.ts';

/**
 * Node.js's own list, those in `NODE_EXTRA_CA_CERTS`, and {@link systemAuthorities}. The first call reads the system's, which
 * takes 30 ms on Linux and can take seconds on macOS.
 */
export function trustedAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...systemAuthorities()])];
}

// Has only folders. Without the variable, Node.js would trust the default folder, which the user does not want.
const emptyFolder = '/proc/self/task';

/** Those of the system: its keychain, or the files in `SSL_CERT_FILE` and `SSL_CERT_DIR`, by default in `/etc/ssl`. */
export function systemAuthorities(): string[] {
  // oxlint-disable-next-line node/no-process-env -- Node.js reads the variables of the process, and this completes it
  const env = process.env;
  const folders = env['SSL_CERT_DIR'];
  if (!folders) return [...getCACertificates('system'), ...unreadAuthorities(env)];
  try {
    // Node.js takes a list for one folder, and prints on standard error that it cannot open it, without a time or a cause.
    env['SSL_CERT_DIR'] = readableFolder(env) ?? emptyFolder;
    return [...getCACertificates('system'), ...unreadAuthorities({ ...env, SSL_CERT_DIR: folders })];
  } finally {
    env['SSL_CERT_DIR'] = folders;
  }
}

/** Trusts additional authorities, in PEM, beside all of the machine's. Share it: to create one takes 15 ms. */
export function contextWithSystem(additional: readonly string[] = []): SecureContext {
  return createSecureContext({ ca: [...trustedAuthorities(), ...additional] });
}

/** Codes of errors for a certificate from an authority that is not trusted. */
export const untrustedCodes = /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;
