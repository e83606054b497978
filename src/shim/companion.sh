#!/bin/sh
# Keeps a program running beside a job, its companion, until the folder of the companion has the file `ended`, or is gone.
# Arguments: the folder, the file for the reason if the program cannot work, and the command.
#
# POSIX shell and commands that every system has, in their plainest form, like shim.sh. It is a session of its own, so that it
# outlives the runner and the shim, as a container does.

folder=$1 failed=$2; shift 2
log=$folder/companion.log
PATH=$PATH:/usr/bin:/bin LC_ALL=C
export PATH LC_ALL
umask 077
trap '' HUP INT QUIT TERM

pause() {
  case $failures in
    0 | 1) ;;
    2 | 3) sleep 0.2 || sleep 1 ;;
    4 | 5 | 6) sleep 1 ;;
    *) sleep 5 ;;
  esac
}

failures=0
while [ -d "$folder" ] && [ ! -e "$folder/ended" ]; do
  began=$(date +%s)
  (trap : HUP INT QUIT TERM; exec "$@") </dev/null >/dev/null 2>>"$log"
  code=$?
  [ -d "$folder" ] || break
  if [ $(($(date +%s) - began)) -gt 2 ]; then failures=0; else failures=$((failures + 1)); fi
  # A program that was killed is not at fault.
  if [ "$failures" -ge 3 ] && [ "$code" -gt 0 ] && [ "$code" -lt 128 ] && [ ! -e "$failed" ]; then
    # Whole or not at all, because a job reads it while it starts.
    tail -n 1 "$log" >"$failed.new" && chmod 644 "$failed.new" && mv "$failed.new" "$failed"
  fi
  pause
done 2>/dev/null
