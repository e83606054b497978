/** The current view and its parameters, stored behind the `#` of the address. */
export type Place =
  | { view: 'overview' }
  | { view: 'tasks'; state?: string; after?: string }
  | { view: 'task'; taskId: string }
  | { view: 'runner'; runnerId: string }
  | { view: 'newTask' }
  | { view: 'unknown' };

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [first = '', second, ...more] = path.split('/', 3).map(decode);
  if (more.length > 0) return { view: 'unknown' };
  if (first === '' && second === undefined) return { view: 'overview' };
  if (first === 'tasks' && second === undefined) return { view: 'tasks', ...tasksQuery(new URLSearchParams(query)) };
  if (first === 'tasks' && second === 'new') return { view: 'newTask' };
  if (first === 'tasks' && second) return { view: 'task', taskId: second };
  if (first === 'runners' && second) return { view: 'runner', runnerId: second };
  return { view: 'unknown' };
}

export function hashOf(place: Exclude<Place, { view: 'unknown' }>): string {
  switch (place.view) {
    case 'overview':
      return '#/';
    case 'tasks': {
      const { state, after } = place;
      const query = new URLSearchParams({ ...(state && { state }), ...(after && { after }) }).toString();
      return query === '' ? '#/tasks' : `#/tasks?${query}`;
    }
    case 'task':
      return `#/tasks/${encodeURIComponent(place.taskId)}`;
    case 'runner':
      return `#/runners/${encodeURIComponent(place.runnerId)}`;
    case 'newTask':
      return '#/tasks/new';
  }
}

/** Returns the code of a sign-in link; undefined if the address is not a sign-in link. */
export function signInCodeOf(hash: string): string | undefined {
  return /^#sign-in=([\w-]+)$/.exec(hash)?.[1];
}

function tasksQuery(query: URLSearchParams): { state?: string; after?: string } {
  const [state, after] = [query.get('state'), query.get('after')];
  return { ...(state && { state }), ...(after && { after }) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
