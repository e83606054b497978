/** The calls of GitHub's REST API that pass. Everything that is not in these lists is refused. */

/** Outside of repositories. A `*` stands for one segment. */
const freeReads = [
  '',
  'user',
  'rate_limit',
  'meta',
  'versions',
  'zen',
  'emojis',
  'licenses',
  'licenses/*',
  'gitignore/templates',
  'gitignore/templates/*',
  'users/*',
] as const;

/** The first segments below a repository that reads may have. */
const repositoryReads = new Set([
  ...[
    'assignees',
    'branches',
    'check-runs',
    'check-suites',
    'comments',
    'commits',
    'compare',
    'contents',
    'contributors',
  ],
  ...['deployments', 'events', 'git', 'issues', 'labels', 'languages', 'license', 'milestones', 'pulls', 'readme'],
  ...['releases', 'rules', 'stats', 'status', 'statuses', 'tags', 'tarball', 'topics', 'zipball'],
]);
/** Of `actions`, which has secrets, variables and runners too. */
const actionsReads = new Set(['artifacts', 'jobs', 'runs', 'workflows']);

/** A condition of a write, besides a repository of the task. */
export type Need =
  /** Nothing. */
  | 'none'
  /** Its body opens a pull request of the task's branch. */
  | 'new-pull'
  /** The pull request of its path has the task's branch. */
  | 'own-pull'
  /** Its body approves nothing. */
  | 'no-approval'
  /** The token's user wrote the comment of its path. */
  | 'own-comment';

export interface Write {
  need: Need;
  /** Fields that the body may have. Undefined if all are harmless. */
  fields?: ReadonlySet<string>;
}

const changes = new Set(['title', 'body', 'state', 'base', 'maintainer_can_modify']);
const issueChanges = new Set(['title', 'body', 'state', 'state_reason', 'labels', 'assignees', 'milestone']);
const newPull = new Set(['title', 'body', 'head', 'base', 'draft', 'maintainer_can_modify']);

/** Method and path below a repository. `#` stands for a number, and `*` for one segment. */
const writes: readonly (readonly [route: string, write: Write])[] = [
  ['POST pulls', { need: 'new-pull', fields: newPull }],
  ['PATCH pulls/#', { need: 'own-pull', fields: changes }],
  ['PUT pulls/#/update-branch', { need: 'own-pull' }],
  ['POST pulls/#/requested_reviewers', { need: 'own-pull' }],
  ['DELETE pulls/#/requested_reviewers', { need: 'own-pull' }],
  ['PATCH issues/#', { need: 'own-pull', fields: issueChanges }],
  ['POST issues/#/labels', { need: 'own-pull' }],
  ['DELETE issues/#/labels/*', { need: 'own-pull' }],
  ['POST issues/#/assignees', { need: 'own-pull' }],
  ['DELETE issues/#/assignees', { need: 'own-pull' }],
  ['POST issues/#/comments', { need: 'none' }],
  ['PATCH issues/comments/#', { need: 'own-comment' }],
  ['POST pulls/#/comments', { need: 'none' }],
  ['POST pulls/#/comments/#/replies', { need: 'none' }],
  ['PATCH pulls/comments/#', { need: 'own-comment' }],
  ['POST pulls/#/reviews', { need: 'no-approval' }],
  ['POST pulls/#/reviews/#/events', { need: 'no-approval' }],
  ['POST issues/#/reactions', { need: 'none' }],
  ['POST issues/comments/#/reactions', { need: 'none' }],
  ['POST pulls/comments/#/reactions', { need: 'none' }],
];

/** @param segments of a path below the root of the API */
export function isFreeRead(segments: readonly string[]): boolean {
  return freeReads.some((route) => matches(route === '' ? [] : route.split('/'), segments));
}

/** @param below the segments of a path below a repository */
export function isRepositoryRead(below: readonly string[]): boolean {
  const [first, second = ''] = below;
  if (first === undefined) return true;
  // A colon names the branch of a fork.
  if (first === 'compare') return !below.some((segment) => segment.includes(':'));
  return first === 'actions' ? actionsReads.has(second) : repositoryReads.has(first);
}

/** Undefined if it is not allowed. */
export function findWrite(method: string, below: readonly string[]): Write | undefined {
  return writes.find(([route]) => {
    const [verb, path = ''] = route.split(' ');
    return verb === method && matches(path.split('/'), below);
  })?.[1];
}

function matches(route: readonly string[], segments: readonly string[]): boolean {
  return (
    route.length === segments.length &&
    route.every((part, index) => {
      const segment = segments[index] ?? '';
      if (part === '#') return /^\d{1,15}$/.test(segment);
      return part === '*' ? !segment.includes('/') : part === segment;
    })
  );
}
