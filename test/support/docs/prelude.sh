# shellcheck shell=bash
# The commands of the documentation run after this. What would block runs in the background.
set -euo pipefail
server=''
export server_args=''
runner=''

finish() {
  stop "$server"
  stop "$runner"
  stop "$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' ~/.local/state/plan42-run/service.json 2>/dev/null)"
}
trap finish EXIT

# The process is the leader of its group.
stop() {
  [[ -z $1 ]] || kill -KILL -- "-$1" 2>/dev/null || true
  [[ -z $1 ]] || wait "$1" 2>/dev/null || true
}

plan42() {
  case "${1-} ${2-}" in
  'server start') start_server "${@:3}" ;;
  'runner exec') start_runner "${@:3}" ;;
  'runner config') if (($# == 2)); then show_screen; else command plan42 "$@"; fi ;;
  'runner logs' | 'server logs') if [[ " $* " == *' -f '* ]]; then follow "$@"; else command plan42 "$@"; fi ;;
  'run '*) run_agent "${@:2}" ;;
  *) command plan42 "$@" ;;
  esac
}

# With a scripted agent that needs no container.
run_agent() {
  local args=()
  [[ " $* " == *' --turn '* ]] || args=(--agent custom --no-container)
  while (($#)); do
    case $1 in
    --agent | --image | --allow | --network) shift 2 ;;
    *) args+=("$1") && shift ;;
    esac
  done
  PLAN42_AGENT_COMMAND='["sh", "-c", "! grep -q Wait || sleep 60; echo a >changed-$$.txt; echo Done."]' \
    PLAN42_AGENT_PROTOCOL=command \
    command plan42 run "${args[@]}"
}

# A page has one server and one runner at a time.
start_server() {
  stop_server
  [[ " $* " == *' --listen '* ]] || set -- --listen "127.0.0.1:$PORT" "$@"
  start 'Plan42 server:' server.log plan42 server start "$@"
  server=$started server_args="$*"
}

start_runner() {
  stop "$runner"
  start 'runner ready' runner.log plan42 runner exec "$@"
  runner=$started
}

# Starts a command and waits until it has printed the text.
start() {
  local text=$1 log=$HOME/$2 tries
  shift 2
  : >"$log"
  set -m
  command "$@" </dev/null >"$log" 2>&1 &
  started=$!
  set +m
  for ((tries = 0; ; tries += 1)); do
    grep -qF "$text" "$log" && break
    if ((tries == 2400)) || ! kill -0 "$started" 2>/dev/null; then
      cat "$log" >&2
      exit 1
    fi
    sleep 0.05
  done
}

# Leaves the screen with Escape.
show_screen() {
  local codes
  while sleep 0.5 && printf '\e'; do :; done |
    script -qefc 'plan42 runner config' /dev/null >screen.log && codes=("${PIPESTATUS[@]}") || codes=("${PIPESTATUS[@]}")
  ((codes[1] == 0)) || { cat screen.log >&2; return "${codes[1]}"; }
}

# Follows for a moment what never ends.
follow() {
  local code=0
  timeout --signal=INT 2 plan42 "$@" || code=$?
  ((code == 124 || code == 130)) || return "$code"
}

# For `setup` comments.
use_host_runtime() {
  command plan42 runner config set runner.runtime=host host.unisolated=true host.command=plan42,sample-agent
}

stop_server() {
  stop "$server"
  server=''
  server_args=''
}

# A server, and a runner that is connected to it.
start_all() {
  start_server
  command plan42 server token create |
    command plan42 runner config set "runner.url=http://127.0.0.1:$PORT" runner.token
  use_host_runtime
  start_runner
}

# A repository with a commit, to work in.
make_repository() {
  git init --quiet site
  cd site
  git -c user.name=me -c user.email=me@example.com commit --quiet --allow-empty --message Begin
}

# cert.pem and key.pem
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=plan42.example.com \
    -addext subjectAltName=DNS:plan42.example.com -keyout key.pem -out cert.pem 2>/dev/null
}

# A browser.
xdg-open() { curl --silent --show-error --fail --output /dev/null "$1"; }
