/** The current view and its parameters, stored behind the `#` of the address. */
export type Place =
  | { view: 'overview' }
  | { view: 'tasks'; state?: string; search?: string; after?: string }
  | { view: 'task'; taskId: string }
  | { view: 'runner'; runnerId: string }
  /** `environment` and `from`, a task to repeat, fill in the form. */
  | { view: 'newTask'; environment?: string; from?: string }
  | { view: 'environments' }
  | { view: 'environment'; environmentId: string }
  | { view: 'newEnvironment' }
  | { view: 'unknown' };

// Longer than any address of this page; parsing hundreds of thousands of parameters takes seconds.
const maxHashLength = 2000;

export function placeOf(hash: string): Place {
  if (hash.length > maxHashLength) return { view: 'unknown' };
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [first = '', second, ...more] = path.split('/', 3).map(decode);
  if (more.length > 0) return { view: 'unknown' };
  if (first === '' && second === undefined) return { view: 'overview' };
  if (first === 'tasks' && second === undefined)
    return { view: 'tasks', ...parameters(query, ['state', 'search', 'after']) };
  if (first === 'tasks' && second === 'new') return { view: 'newTask', ...parameters(query, ['environment', 'from']) };
  if (first === 'tasks' && second) return { view: 'task', taskId: second };
  if (first === 'environments' && second === undefined) return { view: 'environments' };
  if (first === 'environments' && second === 'new') return { view: 'newEnvironment' };
  if (first === 'environments' && second) return { view: 'environment', environmentId: second };
  if (first === 'runners' && second) return { view: 'runner', runnerId: second };
  return { view: 'unknown' };
}

export function hashOf(place: Exclude<Place, { view: 'unknown' }>): string {
  switch (place.view) {
    case 'overview':
      return '#/';
    case 'tasks':
      return withParameters('#/tasks', { state: place.state, search: place.search, after: place.after });
    case 'task':
      return `#/tasks/${encodeURIComponent(place.taskId)}`;
    case 'runner':
      return `#/runners/${encodeURIComponent(place.runnerId)}`;
    case 'newTask':
      return withParameters('#/tasks/new', { environment: place.environment, from: place.from });
    case 'environments':
      return '#/environments';
    case 'environment':
      return `#/environments/${encodeURIComponent(place.environmentId)}`;
    case 'newEnvironment':
      return '#/environments/new';
  }
}

/** Returns the code of a sign-in link; undefined if the address is not a sign-in link. */
export function signInCodeOf(hash: string): string | undefined {
  return /^#sign-in=([\w-]+)$/.exec(hash)?.[1];
}

/** Returns the parameters of these names that have a value. */
function parameters<Name extends string>(query: string, names: readonly Name[]): Partial<Record<Name, string>> {
  const search = new URLSearchParams(query);
  const present = names.map((name) => [name, search.get(name)] as const).filter(([, value]) => value);
  return Object.fromEntries(present) as Partial<Record<Name, string>>;
}

function withParameters(path: string, values: Record<string, string | undefined>): string {
  const present = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return present.length === 0 ? path : `${path}?${new URLSearchParams(present).toString()}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
