#!/bin/sh
# The shim of a job: runs the job's command, records its exit code and starts the log writer.
# Arguments: the job's folder, its log, the log's limit in bytes, the path of a named pipe for the output or nothing, the shell
# and script of the log writer, and the command.
#
# POSIX shell and commands that every system has, in their plainest form: dash, bash as sh and busybox, on Linux and macOS.
# The left side of the pipe runs the command, the right side writes the log. Both outlive signals to their process group;
# the command gets the default handlers back.

trap '' HUP INT QUIT TERM
folder=$1 log=$2 limit=$3 output=$4 shell=$5 writer=$6; shift 6
mv "$folder/supervisor.new" "$folder/supervisor.running.$$" 2>/dev/null || exit 125
renice -n 5 -p $$ >/dev/null 2>&1
{ echo 10 >/proc/$$/autogroup; } 2>/dev/null
# Processes that outlive this shim write to it until another log writer reads it, and are readers of it too, so that they
# get no SIGPIPE meanwhile. For all users, because the folder is private and an engine gives it to the user of a container.
# The log writer opens it first, so that nothing is written before.
[ -z "$output" ] || mkfifo -m 666 "$output" || output=''
{
  [ -z "$output" ] || { exec >"$output"; exec 1<>"$output"; }
  trap : HUP INT QUIT TERM
  ("$@" 2>&1)
  code=$?
  # The job's companions end with it, see companion.sh. After any other code, the command alone may have ended.
  for companion in "$folder/egress" "$folder/limits"; do
    [ ! -d "$companion" ] || { [ "$code" -ge 125 ] || : >"$companion/ended"; tail -c 65536 "$companion/companion.log"; } 2>/dev/null
  done
  ending=$folder/supervisor.ending.$$.$code
  mv "$folder/supervisor.running.$$" "$ending"
  exec >/dev/null
  tries=0
  while [ -e "$ending" ] && [ $((tries += 1)) -le 50 ]; do sleep 0.1 || sleep 1; done
  mv "$ending" "$folder/supervisor.exited.$code"
} | {
  [ -z "$output" ] || exec <"$output"
  exec "$shell" -c "$writer" plan42-job-log "$folder" "$log" "$limit" >/dev/null
}
