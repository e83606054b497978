import type { GithubConnections } from '../../github/connections.ts';
import { createGetDefaultBranchesHandler } from './get-default-branches.ts';
import type { Handler } from './handler.ts';
import { createInvokeAgentHandler, type InvokeAgentOptions } from './invoke-agent.ts';
import { createListOrgsHandler } from './list-orgs.ts';
import { createListRepoBranchesHandler } from './list-repo-branches.ts';
import { handlePing } from './ping.ts';
import { createSearchRepoHandler } from './search-repo.ts';

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
