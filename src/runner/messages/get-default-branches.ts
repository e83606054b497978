import { getDefaultBranches } from '../../github/default-branches.ts';
import { GetDefaultBranchesRequest } from '../../plan42/messages.ts';
import { type GithubHandlerOptions, requestGithub } from './github-request.ts';
import type { Handler } from './handler.ts';

export function createGetDefaultBranchesHandler(options: GithubHandlerOptions): Handler {
  return async (message, signal) => {
    const { result, error } = await requestGithub(
      GetDefaultBranchesRequest,
      message,
      signal,
      options,
      (client, { Repos }, caller) => getDefaultBranches(client, Repos ?? [], caller),
    );
    return {
      Type: 'GetDefaultBranchesResponse',
      Items: result?.map(({ repo, defaultBranch }) => ({ Repo: repo, DefaultBranch: defaultBranch })) ?? null,
      ErrorMessage: error,
    };
  };
}
