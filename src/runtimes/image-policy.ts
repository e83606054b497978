/** Whether one of the globs matches the whole image reference. `*` stands for any characters, `?` for one. */
export function isImageAllowed(image: string, allowed: readonly string[]): boolean {
  return allowed.some((glob) => matches(glob, image));
}

// Not a regular expression, which backtracks exponentially for some pairs of glob and image. Here only the last star is
// retried, one character longer each time.
function matches(glob: string, text: string): boolean {
  let [g, t, star, starText] = [0, 0, -1, 0];
  while (t < text.length) {
    if (glob[g] === '*') [star, starText, g] = [g, t, g + 1];
    else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) [g, t] = [g + 1, t + 1];
    else if (star >= 0) [starText, t, g] = [starText + 1, starText + 1, star + 1];
    else return false;
  }
  return /^\**$/.test(glob.slice(g));
}
