/** What the handlers that ask GitHub have in common. */
import * as v from 'valibot';
import { type Caller, withCaller } from '../github/caller.ts';
import type { GithubClient } from '../github/client.ts';
import type { GithubConnections } from '../github/connections.ts';
import { GithubError, loggable } from '../github/errors.ts';
import type { Page } from '../github/page.ts';
import type { Logger } from '../lib/logger.ts';
import type { ListResponse } from '../plan42/messages.ts';
import type { Handler, Message } from './handler.ts';

export interface GithubHandlerOptions {
  github: GithubConnections;
  logger: Logger;
  /** How long GitHub may take, tries again included. */
  answerTimeMs?: number;
}

// The message's caller waits 30 s, and the answer has to get to it.
const defaultAnswerTimeMs = 25_000;

type RequestSchema = v.GenericSchema<unknown, { ConnectionID?: string | null | undefined }>;

/**
 * Reads the message, and asks the GitHub of its connection. Whatever went wrong comes back as a text for the caller; only
 * the signal's reason is thrown.
 */
export async function askGithub<const Schema extends RequestSchema, Result>(
  schema: Schema,
  { type, body }: Message,
  signal: AbortSignal,
  { github, logger, answerTimeMs = defaultAnswerTimeMs }: GithubHandlerOptions,
  ask: (client: GithubClient, request: v.InferOutput<Schema>, caller: Caller) => Promise<Result>,
): Promise<{ result: Result; error: null } | { result: null; error: string }> {
  const parsed = v.safeParse(schema, body);
  if (!parsed.success) {
    return { result: null, error: `invalid request: ${v.getDotPath(parsed.issues[0]) ?? 'it'} has the wrong type` };
  }
  const request = parsed.output;
  try {
    const result = await withCaller(answerTimeMs, signal, (caller) =>
      github.withClient(request.ConnectionID, (client) => ask(client, request, caller)),
    );
    return { result, error: null };
  } catch (error) {
    const about = { type, connection_id: request.ConnectionID, error: loggable(error) };
    if (error instanceof GithubError) {
      logger.warn('a question to GitHub failed', about);
      return { result: null, error: error.message };
    }
    signal.throwIfAborted();
    // A bug. Nobody is to wait for an answer because of it.
    logger.error('a question to GitHub broke off', about);
    return { result: null, error: 'the runner failed to ask GitHub; its log tells why' };
  }
}

/** A handler for one of the messages that list names, a page at a time. */
export function createListHandler<const Schema extends RequestSchema>(
  type: ListResponse['Type'],
  schema: Schema,
  list: (client: GithubClient, request: v.InferOutput<Schema>, caller: Caller) => Promise<Page>,
): (options: GithubHandlerOptions) => Handler {
  return (options) => async (message, signal) => {
    const { result, error } = await askGithub(schema, message, signal, options, list);
    return {
      Type: type,
      Items: result?.items ?? null,
      NextToken: result?.nextToken ?? null,
      ErrorMessage: error,
    };
  };
}
