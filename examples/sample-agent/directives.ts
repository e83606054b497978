export interface Directive {
  name: 'fail' | 'exit' | 'sleep' | 'spam';
  /** Exit code, seconds or bytes. 0 for `fail`. */
  value: number;
  /** The directive as written in the prompt. */
  text: string;
}

/** Returns the directives in a prompt, in order. Anything malformed is part of the prompt. */
export function parseDirectives(prompt: string): Directive[] {
  const matches = prompt.matchAll(/\[(?:(fail)|(exit|spam) (\d{1,10})|(sleep) (\d{1,6}(?:\.\d+)?))\]/g);
  return [...matches].map(([text, fail, whole, wholeValue, sleep, seconds]) => ({
    name: (fail ?? whole ?? sleep) as Directive['name'],
    value: Number(wholeValue ?? seconds ?? 0),
    text,
  }));
}
