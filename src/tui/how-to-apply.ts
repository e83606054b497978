/** Tells how a runner that is running comes to use what was changed in its configuration. */
export function howToApply(changedSettings: readonly string[]): string {
  // It watches the file, and takes over what can be changed while it runs: src/runner/reload.ts.
  if (changedSettings.every((name) => name === 'runner.token' || name.startsWith('github.'))) {
    return 'A running runner takes it over by itself.';
  }
  return 'Restart a running runner to use it: "plan42 runner enable", or Ctrl-C and "plan42 runner exec".';
}
