import { untrustedCodes } from '../../lib/authorities.ts';
import { describeAuthorityProblems } from '../../lib/authority-variables.ts';
import { ExitCode, errorCode, UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import {
  ApiError,
  ConnectionError,
  describeSkew,
  isAuthError,
  reasonOf,
  UnsendableError,
} from '../../plan42/errors.ts';
import type { ServerLocation } from './location.ts';

interface CertificateFailure {
  codes: RegExp;
  problem: string;
  /** `isOwn`: for commands on the server's own machine. */
  remedy: (isOwn: boolean) => string;
}

const certificateFailures: readonly CertificateFailure[] = [
  {
    codes: untrustedCodes,
    problem: 'is not trusted',
    remedy: (isOwn) =>
      isOwn
        ? 'Restart the server if its certificate is new. If a proxy answers for it, let the system trust the authority of the proxy.'
        : 'Let the system trust its certificate authority, or set SSL_CERT_FILE to a PEM file with it.',
  },
  {
    codes: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    problem: 'has expired or is not valid yet, by the clock of this machine',
    remedy: () => 'Check the date of this machine. If it is right, renew the certificate and restart the server.',
  },
  {
    codes: /ALTNAME/,
    problem: 'is not for that host',
    remedy: (isOwn) =>
      isOwn
        ? 'Start the server with a --public-url whose host is in the certificate.'
        : 'Give --server a URL whose host is in the certificate.',
  },
];

/** Converts a failed call to a UserError with a remedy; returns any other error unchanged. */
export function explainApiFailure(error: unknown, location: ServerLocation, env: NodeJS.ProcessEnv): unknown {
  const { url, tokenSource } = location;
  // The content of a file has a URL with a signature instead of the token.
  if (isAuthError(error) && !error.path.endsWith('/content')) {
    const reason = [reasonOf(error), describeSkew(error)].filter(Boolean).join('; ');
    const why = reason === '' ? '' : `: ${reason}`;
    return new UserError(printableLine(`the server at ${url} rejected the token from ${tokenSource}${why}`), {
      remedy: 'Use the token of that server: the "tenantToken" in admin.json in its data folder.',
      exitCode: ExitCode.token,
    });
  }
  if (error instanceof UnsendableError) {
    return new UserError(printableLine(error.message), {
      remedy: `Check the token from ${tokenSource}: copy it again, without line breaks.`,
    });
  }
  if (error instanceof ApiError) {
    const remedy = remedyFor(error.status);
    return new UserError(
      // Its own text says it; without one, the call is all that is known.
      printableLine(`the server rejected the request: ${error.detail ?? error.message}`),
      remedy === undefined ? {} : { remedy },
    );
  }
  return error instanceof ConnectionError ? explainConnection(error, location, env) : error;
}

function remedyFor(status: number): string | undefined {
  if (status === 507) return 'Free disk space on the machine of the server.';
  return status >= 500 ? "See the server's log." : undefined;
}

function explainConnection(error: ConnectionError, { url, ids }: ServerLocation, env: NodeJS.ProcessEnv): UserError {
  const code = errorCode(error) ?? '';
  if (code === 'ECONNREFUSED') {
    return new UserError(`no Plan42 server is running at ${url}`, { remedy: 'Run "plan42 server start".' });
  }
  const failure = certificateFailures.find(({ codes }) => codes.test(code));
  const problem = failure === undefined ? error.message : `the server’s certificate ${failure.problem} (${code})`;
  const remedy = failure?.remedy(ids !== undefined) ?? 'Check the address, and that the server is running.';
  const inVain = untrustedCodes.test(code) ? describeAuthorityProblems(env) : '';
  return new UserError(printableLine(`cannot reach ${url}: ${problem}`), { remedy: printableLine(remedy + inVain) });
}
