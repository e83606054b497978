import { ExitCode, errorCode, UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { ApiError, ConnectionError, isAuthError } from '../../plan42/errors.ts';
import type { ServerLocation } from './location.ts';

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/** A failed call as a person's problem with a remedy; any other error as it is. */
export function explainApiFailure(error: unknown, { url, tokenSource }: ServerLocation): unknown {
  if (isAuthError(error)) {
    return new UserError(`the server at ${url} refused the token from ${tokenSource}`, {
      remedy: 'Is it the token of that server? A server writes its own into admin.json in its data folder.',
      exitCode: ExitCode.token,
    });
  }
  if (error instanceof ApiError) {
    const remedy = error.status >= 500 ? "The server's own log tells more." : undefined;
    return new UserError(printableLine(`the server refused: ${error.message}`), remedy === undefined ? {} : { remedy });
  }
  return error instanceof ConnectionError ? explainConnection(error, url) : error;
}

function explainConnection(error: ConnectionError, url: string): UserError {
  const code = errorCode(error) ?? '';
  if (code === 'ECONNREFUSED') {
    return new UserError(`no Plan42 server is running at ${url}`, { remedy: 'Start it with "plan42 server start".' });
  }
  const remedy = certificateCodes.test(code)
    ? 'Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate of its authority.'
    : 'Is the address right, and the server running?';
  return new UserError(printableLine(`no usable answer from ${url}: ${error.message}`), { remedy });
}
