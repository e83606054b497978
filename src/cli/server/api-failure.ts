import { ExitCode, errorCode, UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { ApiError, ConnectionError, describeSkew, isAuthError, UnsendableError } from '../../plan42/errors.ts';
import type { ServerLocation } from './location.ts';

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/** Converts a failed call to a UserError with a remedy; returns any other error unchanged. */
export function explainApiFailure(error: unknown, { url, tokenSource }: ServerLocation): unknown {
  if (isAuthError(error)) {
    const reason = [error.detail, describeSkew(error)].filter(Boolean).join('; ');
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
      printableLine(`the server rejected the request: ${error.message}`),
      remedy === undefined ? {} : { remedy },
    );
  }
  return error instanceof ConnectionError ? explainConnection(error, url) : error;
}

function remedyFor(status: number): string | undefined {
  if (status === 507) return 'Free disk space on the machine of the server.';
  return status >= 500 ? "See the server's log." : undefined;
}

function explainConnection(error: ConnectionError, url: string): UserError {
  const code = errorCode(error) ?? '';
  if (code === 'ECONNREFUSED') {
    return new UserError(`no Plan42 server is running at ${url}`, { remedy: 'Run "plan42 server start".' });
  }
  const remedy = certificateCodes.test(code)
    ? 'Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate of its authority.'
    : 'Check the address, and that the server is running.';
  return new UserError(printableLine(`cannot reach ${url}: ${error.message}`), { remedy });
}
