import type { GithubConnections } from '../github/connections.ts';
import { createGetDefaultBranchesHandler } from '../handlers/get-default-branches.ts';
import type { Handler } from '../handlers/handler.ts';
import { createInvokeAgentHandler, type InvokeAgentOptions } from '../handlers/invoke-agent.ts';
import { createListOrgsHandler } from '../handlers/list-orgs.ts';
import { createListRepoBranchesHandler } from '../handlers/list-repo-branches.ts';
import { handlePing } from '../handlers/ping.ts';
import { createSearchRepoHandler } from '../handlers/search-repo.ts';

/** What answers the messages of each type. */
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
