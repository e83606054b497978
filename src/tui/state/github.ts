import { connectionForm } from './fields.ts';
import { type GithubCheck, type State, type Step, step } from './state.ts';

/** The check of the current token of a connection; undefined if it is not checked yet. */
export function currentCheck(state: State, key: string): GithubCheck | undefined {
  const { url, token } = connectionForm(state, key);
  const check = state.github.get(key);
  return check?.url === url && check.token === token ? check : undefined;
}

/** Checks the token of a connection, unless it has been checked already. */
export function checkGithub(state: State, key: string): Step {
  if (currentCheck(state, key) !== undefined) return step(state);
  const { url, token } = connectionForm(state, key);
  const github = new Map(state.github);
  if (token === '') {
    github.delete(key);
    return step({ ...state, github });
  }
  github.set(key, { url, token, result: 'running' });
  return step({ ...state, github }, { type: 'check-github', key, url, token });
}

export function onGithubChecked(
  state: State,
  { key, url, token, ok, text }: { key: string; url: string; token: string; ok: boolean; text: string },
): State {
  const check = state.github.get(key);
  if (check?.url !== url || check.token !== token) return state;
  return { ...state, github: new Map(state.github).set(key, { url, token, result: { ok, text } }) };
}
