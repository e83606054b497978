import { randomInt } from 'node:crypto';

/** The beginnings by which programs and services tell kinds of tokens apart. The first that matches counts. */
const known =
  /^(?:github_pat_|gh[a-z]_|sk-ant-[a-z0-9]{1,12}-|sk-[a-z]{2,8}-|sk-|AIza|npm_|glpat-|xox[a-z]-|hf_|gsk_|xai-|pypi-)/;

const classes = [
  [/[0-9]/, '0123456789'],
  [/[a-z]/, 'abcdefghijklmnopqrstuvwxyz'],
  [/[A-Z]/, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'],
] as const;
const letters = classes[1][1];

/** So many random characters make it unlikely that anybody guesses it, or that another text contains it. */
const minRandom = 20;

/** A random text of the shape of a secret: its prefix, its length unless that is short, and capitals and digits where it has them. */
export function makePlaceholder(secret: string): string {
  const prefix = known.exec(secret)?.[0] ?? '';
  const rest = secret
    .slice(prefix.length)
    .split('')
    .map((character) => {
      const found = classes.find(([pattern]) => pattern.test(character));
      // Others are kept: they separate parts, and none needs to be encoded in a header or a query.
      if (found === undefined) return /[-_.]/.test(character) ? character : pick(letters);
      return pick(found[1]);
    });
  const random = rest.filter((character) => !/[-_.]/.test(character)).length;
  while (rest.length < secret.length - prefix.length + Math.max(0, minRandom - random)) rest.push(pick(letters));
  return prefix + rest.join('');
}

function pick(alphabet: string): string {
  return alphabet[randomInt(alphabet.length)] ?? '';
}
