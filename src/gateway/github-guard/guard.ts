/** Limits a job to its task on its GitHub: git, Git LFS, REST, GraphQL, archives and files. */
import type { Ask, Guard, InterceptedRequest, Verdict } from '../intercept/hooks.ts';
import { parseRequestPath, type RequestPath, unclearPath } from '../request-path.ts';
import { drain } from './body.ts';
import { endpointOf } from './hosts.ts';
import { createLookups, type Lookups } from './lookups.ts';
import { refuseAsJson, refuseAsText } from './refuse.ts';
import { reviewFiles } from './review-files.ts';
import { reviewGraphql } from './review-graphql.ts';
import { reviewRest } from './review-rest.ts';
import { reviewWeb } from './review-web.ts';
import type { GithubRules } from './rules.ts';

/** For the hosts of `guardedHosts`. One guard serves all of them, so that it asks GitHub once. */
export function createGithubGuard(rules: GithubRules): Guard {
  const lookups = createLookups();
  return {
    review: async (request, ask) => {
      const path = parseRequestPath(request.path);
      if (path !== undefined) return await reviewPath({ request, path, rules, lookups, ask });
      await drain(request.body);
      return refuseAsText(unclearPath, 400);
    },
  };
}

interface Review {
  request: InterceptedRequest;
  path: RequestPath;
  rules: GithubRules;
  lookups: Lookups;
  ask: Ask;
}

async function reviewPath(review: Review): Promise<Verdict> {
  const { request, path, rules } = review;
  const endpoint = endpointOf(rules.host, request.host, path.path.replace(/\/$/, ''));
  const isApi = endpoint.service === 'rest' || endpoint.service === 'graphql';
  if (isApi && rules.api === 'any') return { kind: 'pass' };
  switch (endpoint.service) {
    case 'web':
      return await reviewWeb(request, path, rules);
    case 'rest':
      return await reviewRest({ ...review, endpoint });
    case 'graphql':
      return await reviewGraphql(review);
    case 'codeload':
    case 'raw':
      return await reviewFiles(request, path, rules);
    case 'uploads':
    case 'other':
      await drain(request.body);
      return refuseAsJson({
        what: 'uploads to GitHub are not allowed',
        remedy: 'Push to the branch of the task instead.',
      });
  }
}
