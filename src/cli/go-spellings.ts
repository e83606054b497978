/** Spellings that the Go runner accepts beside ours, so that scripts need no change. They are not in `--help`. */
export function withGoSpellings(argv: readonly string[]): readonly string[] {
  if (argv[0] === '-v') return ['--version', ...argv.slice(1)];
  if (argv.at(-1) === '-v' && isCommand(argv.slice(0, -1))) return ['--version'];
  const showsLog = argv[0] === 'runner' && (argv[1] === 'logs' || (argv[1] === 'job' && argv[2] === 'logs'));
  return showsLog ? argv.map((word) => (word === '--f' ? '--follow' : word)) : argv;
}

/** Whether these are only words, and not the command that has `-v` for itself. */
function isCommand(words: readonly string[]): boolean {
  return (
    words.every((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-')) &&
    !/^runner job (list|ls)$/.test(words.join(' '))
  );
}
