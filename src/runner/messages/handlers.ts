import {
  createGetDefaultBranchesHandler,
  createListOrgsHandler,
  createListRepoBranchesHandler,
  createSearchRepoHandler,
  type GithubHandlerOptions,
} from './github.ts';
import type { Handler } from './handler.ts';
import { createInvokeAgentHandler, type InvokeAgentOptions } from './invoke-agent.ts';

export const handlePing: Handler = async () => ({ Type: 'PingResponse' });

/** The handlers by message type. Register new ones here. */
export function createHandlers(
  options: InvokeAgentOptions & Pick<GithubHandlerOptions, 'github' | 'incompleteLists'>,
): ReadonlyMap<string, Handler> {
  const { github, incompleteLists, logger } = options;
  const githubOptions = { github, incompleteLists, logger };
  return new Map([
    ['PingRequest', handlePing],
    ['InvokeAgentRequest', createInvokeAgentHandler(options)],
    ['ListOrgsForGithubConnectionRequest', createListOrgsHandler(githubOptions)],
    ['SearchRepoRequest', createSearchRepoHandler(githubOptions)],
    ['ListRepoBranchesRequest', createListRepoBranchesHandler(githubOptions)],
    ['GetDefaultBranchesRequest', createGetDefaultBranchesHandler(githubOptions)],
  ]);
}
