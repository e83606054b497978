#!/bin/sh
# Stands in for an agent: runs the `@@commands@@` it finds in the request, with the request's path in $REQUEST.
printf 'ARGS: %s\n' "$*"

umask 077
REQUEST=$(mktemp "${TMPDIR:-/tmp}/request.XXXXXX") || exit 125
export REQUEST
cat >"$REQUEST"

# The directive sits in a JSON string, so the backslashes that JSON adds are taken off.
directive=$(awk -F'@@' 'NF > 2 { print $2; exit }' "$REQUEST" | sed 's/\\\(["\\]\)/\1/g')
if [ -z "$directive" ]; then
  echo 'hello from the agent'
  exit 0
fi
eval "$directive"
