import { connectionForm } from './fields.ts';
import type { GithubCheck, State, Step } from './state.ts';
import { step } from './step.ts';

/** What is known of the token that a connection has now. */
export function currentCheck(state: State, key: string): GithubCheck | undefined {
  const { url, token } = connectionForm(state, key);
  const check = state.github.get(key);
  return check?.url === url && check.token === token ? check : undefined;
}

/** Has a connection's token checked, unless that has been done already. */
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
