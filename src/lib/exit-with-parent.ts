/**
 * POSIX shell that runs its arguments as a command, and sends it SIGTERM when standard input reaches its end. That is a pipe
 * whose other end the kernel closes with the process that holds it, even if that process is killed.
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

/** Arguments for `/bin/sh`. The shell never parses the command or its arguments as script. */
export function exitWithParentArgs(file: string, args: readonly string[]): string[] {
  return ['-c', script, 'plan42-exit-with-parent', file, ...args];
}
