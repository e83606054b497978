import type { GithubConnections } from '../../github/connections.ts';
import {
  createGetDefaultBranchesHandler,
  createListOrgsHandler,
  createListRepoBranchesHandler,
  createSearchRepoHandler,
} from './github.ts';
import type { Handler } from './handler.ts';
import { createInvokeAgentHandler, type InvokeAgentOptions } from './invoke-agent.ts';

export const handlePing: Handler = async () => ({ Type: 'PingResponse' });

/** The handlers by message type. Register new ones here. */
export function createHandlers(
  options: InvokeAgentOptions & { github: GithubConnections },
): ReadonlyMap<string, Handler> {
  const { github, logger } = options;
  return new Map([
    ['PingRequest', handlePing],
    ['InvokeAgentRequest', createInvokeAgentHandler(options)],
    ['ListOrgsForGithubConnectionRequest', createListOrgsHandler({ github, logger })],
    ['SearchRepoRequest', createSearchRepoHandler({ github, logger })],
    ['ListRepoBranchesRequest', createListRepoBranchesHandler({ github, logger })],
    ['GetDefaultBranchesRequest', createGetDefaultBranchesHandler({ github, logger })],
  ]);
}
