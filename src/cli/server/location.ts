import { join } from 'node:path';
import type { Command } from 'commander';
import * as v from 'valibot';
import { ExitCode, errorCode, UserError } from '../../lib/errors.ts';
import { readTextSync, UnreadableFile } from '../../lib/read-file.ts';
import type { CliContext } from '../context.ts';
import { httpUrl, resolvedPath, withColorOption } from '../options.ts';
import { serverDataDir } from './data-dir.ts';

/** The options that select a server. */
export interface LocationOptions {
  data?: string;
  server?: string;
  /** For commands without `server` in their name: by default, the server that `plan42 run` starts for the user. */
  personal?: boolean;
}

export interface ServerLocation {
  url: string;
  token: string;
  /** Undefined if only the token is known. */
  ids: { tenantId: string; runnerId: string } | undefined;
  /** The origin of the token, for error messages. */
  tokenSource: string;
  /** Authorities to trust in addition to the system's. */
  caFile?: string | undefined;
  /** The process that runs on this machine, if it has responded. Older servers do not report it. */
  program?: { version: string | undefined; pid: number | undefined };
}

const tokenVariable = 'PLAN42_SERVER_TOKEN';

const AdminFile = v.object({
  url: v.pipe(v.string(), v.url()),
  /** Without the proxy that `url` may lead to. */
  localUrl: v.optional(v.pipe(v.string(), v.url())),
  tenantId: v.string(),
  runnerId: v.string(),
  tenantToken: v.string(),
  caFile: v.optional(v.string()),
  version: v.optional(v.string()),
  pid: v.optional(v.number()),
});

/** Adds the option that selects the data folder of a server. */
export function withDataOption(command: Command): Command {
  return withColorOption(command).option(
    '--data <folder>',
    'data folder of the server, if not the default',
    resolvedPath,
  );
}

/** Adds the options that select a running server. */
export function withLocationOptions(command: Command): Command {
  return withDataOption(command).option(
    '--server <url>',
    `another server; its tenant token is read from $${tokenVariable}`,
    httpUrl,
  );
}

/** @throws UserError if there is no such server, or no token for it. */
export function locateServer({ data, server }: LocationOptions, env: CliContext['env']): ServerLocation {
  if (server === undefined) return readAdminFile(serverDataDir(data, env));
  const token = env[tokenVariable];
  if (token) return { url: server, token, ids: undefined, tokenSource: `$${tokenVariable}` };
  throw new UserError(`--server needs a tenant token in the environment variable ${tokenVariable}`, {
    remedy: 'It is the "tenantToken" in the file admin.json of the server\'s data folder.',
    exitCode: ExitCode.usage,
  });
}

// The server writes the file at each start.
function readAdminFile(dataDir: string): ServerLocation {
  const path = join(dataDir, 'admin.json');
  const start = 'Run "plan42 server start", or give its folder with --data.';
  let text: string;
  try {
    text = readTextSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new UserError(`no Plan42 server found in ${dataDir}`, { remedy: start });
    if (error instanceof UnreadableFile) throw error;
    throw new UserError(`cannot read ${path}`, { remedy: 'Run this as the user that runs the server.', cause: error });
  }
  try {
    const { url, localUrl, tenantToken, caFile, version, pid, ...ids } = v.parse(AdminFile, JSON.parse(text));
    const program = { version, pid };
    return { url: localUrl ?? url, token: tenantToken, ids, tokenSource: path, caFile, program };
  } catch {
    throw new UserError(`${path} is damaged`, { remedy: 'Restart the server, which writes it again.' });
  }
}
