/**
 * POSIX shell that runs its arguments as a command, and ends it (SIGTERM) when its own standard input ends: a pipe, of which
 * the other end closes with the process that holds it, also when that is killed.
 */
const script = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'kill $child' TERM
{ cat <&3; kill $child; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || break
done
kill $watcher
exit $code
`;

/** Arguments for `/bin/sh`. The command and its arguments are never read by the shell as words of a script. */
export function leashed(file: string, args: readonly string[]): string[] {
  return ['-c', script, 'plan42-leash', file, ...args];
}
