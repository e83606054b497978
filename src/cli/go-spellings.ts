/** Spellings that the Go runner accepts beside ours, so that scripts need no change. They are not in `--help`. */
export function withGoSpellings(argv: readonly string[]): readonly string[] {
  if (argv[0] === '-v') return ['--version', ...argv.slice(1)];
  const showsLog = argv[0] === 'runner' && (argv[1] === 'logs' || (argv[1] === 'job' && argv[2] === 'logs'));
  return showsLog ? argv.map((word) => (word === '--f' ? '--follow' : word)) : argv;
}
