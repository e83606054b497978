/** The certificate authorities that this machine trusts. */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/**
 * Node.js's own list, those in `NODE_EXTRA_CA_CERTS`, and the system's: its keychain, or the files in `SSL_CERT_FILE` and
 * `SSL_CERT_DIR`, by default in `/etc/ssl`. The first call reads the system's, which takes 30 ms on Linux and can take seconds
 * on macOS.
 */
export function trustedAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

/** Trusts additional authorities, in PEM, beside all of the machine's. Share it: to create one takes 15 ms. */
export function contextWithSystem(additional: readonly string[] = []): SecureContext {
  return createSecureContext({ ca: [...trustedAuthorities(), ...additional] });
}

/** Codes of errors for a certificate from an authority that is not trusted. */
export const untrustedCodes = /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;
