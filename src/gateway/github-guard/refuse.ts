/** Refusals of requests to a GitHub, in the form that its clients show. */
import type { Refused, Respond } from '../intercept/hooks.ts';
import type { GithubRules, TaskRepository } from './rules.ts';

const maxQuoteLength = 120;

/** Quotes what a client sent. */
export function quote(text: string): string {
  const short = text.length > maxQuoteLength ? `${text.slice(0, maxQuoteLength)}…` : text;
  return JSON.stringify(short.toWellFormed());
}

/** For git, which shows the lines of a plain text as "remote: …". */
export function refuseAsText(refused: Refused, status = 403): Respond {
  const body = `plan42: ${sentence(refused)}\n`;
  return { kind: 'respond', status, headers: ['Content-Type', 'text/plain; charset=utf-8'], body, refused };
}

/** For clients of the API, and for Git LFS. */
export function refuseAsJson(refused: Refused, status = 403, contentType = 'application/json; charset=utf-8'): Respond {
  const body = JSON.stringify({
    message: `plan42: ${sentence(refused)}`,
    documentation_url: 'https://docs.github.com/rest',
    status: String(status),
  });
  return { kind: 'respond', status, headers: ['Content-Type', contentType], body, refused };
}

export function sentence({ what, remedy }: Refused): string {
  return `${what}. ${remedy}`;
}

export function notReadable({ setting }: GithubRules, repository: string): Refused {
  return {
    what: `${repository} is no repository of the environment or the task`,
    remedy: `Add it to the environment, or to also_read of ${setting} in the configuration of the runner.`,
  };
}

export function notOfTask(repository: string): Refused {
  return {
    what: `${repository} is no repository of the environment or the task, so it cannot be changed`,
    remedy: 'Add it to the environment.',
  };
}

export function onlyTaskBranch({ setting }: GithubRules, { branches }: TaskRepository, what: string): Refused {
  const allowed = branches.length === 0 ? '' : `Push to ${quote(branches[0] ?? '')}. `;
  return { what, remedy: `${allowed}To allow other pushes, set push = "any" in ${setting} of the runner.` };
}

export function notForAgents({ setting }: GithubRules, what: string): Refused {
  return { what, remedy: `To allow it, set api = "any" in ${setting} of the runner.` };
}
