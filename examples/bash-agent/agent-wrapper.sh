#!/usr/bin/env bash
# A Plan42 agent: gives the prompt to $AGENT_COMMAND and pushes the changes. Needs bash, curl, git and jq.
set -muo pipefail
request=$(cat) state=$(mktemp -d) index=0 finished=''
field() { jq -r "$1 // empty" <<<"$request"; }
token=$(field .AgentToken) task=$(field .Turn.TaskId) version=$(field .Turn.Version)
base=${PLAN42_URL:-$(cut -d. -f2 <<<"$token" | tr -- -_ +/ | { cat && echo '=='; } | base64 -di 2>/dev/null | jq -r .iss)}
turn=${base%/}/v1/tenants/$(field .Turn.TenantId)/tasks/$task/turns/$(field .Turn.TurnIndex)

write() { # write METHOD PATH: sends $state/body, again after a conflict or an outage
  local pause response current
  for pause in 1 2 4 8 16 32 64; do
    # The token comes from standard input, so that it is in no list of processes.
    response=$(curl -sS -m 20 -X "$1" -w '\n%{http_code}' -H "If-Match: $version" --json "@$state/body" "$turn$2" -K - \
      <<<"header = \"Authorization: APIToken $token\"" 2>/dev/null)
    current=$(jq -r '.Version // .Current.Version // empty' <<<"${response%$'\n'*}" 2>/dev/null)
    case ${response##*$'\n'} in
      2*) version=$current && return 0 ;;
      409) # A finished turn stays as it is. With the same version, the response to the last upload was lost.
        [[ $response == *UpdateCompletedTurn* ]] && finished=yes && return 1
        [[ $current == "$version" ]] && return 0
        version=$current ;;
      *) sleep $pause ;;
    esac
  done
  return 1
}
patch() { jq -n "$@" '$ARGS.named' >"$state/body" && write PATCH ''; }
finish() { patch --arg Status "$1" --arg "$2" "$3" --arg CompletedAt "$(date -u +%FT%TZ)"; }
upload() { # uploads the next whole lines of the log. Fails if there are none.
  local last && last=$(($(wc -l <"$state/log")))
  ((last > index + 400)) && last=$((index + 400))
  ((last > index)) || return 1
  sed -n "$((index + 1)),${last}p" "$state/log" | jq -Rn --argjson Index "$index" \
    '{$Index, Logs: [inputs | {Timestamp: (now | todate), Message: .}]}' >"$state/body"
  write POST /logs && index=$last
}
work() { # its output is the log
  while IFS= read -r -d '' variable; do export "${variable?}"; done \
    < <(jq -j '.Environment.EnvVars[]? | "\(.Name)=\(.Value)\u0000"' <<<"$request")
  local repo branch && repo=$(field '.Environment.Repos[0]')
  branch=$(field ".Task.RepoInfo[\"$repo\"].FeatureBranch // \"plan42/${task:0:8}\"")
  printf '#!/bin/sh\nprintenv PASSWORD\n' >"$state/askpass" && chmod +x "$state/askpass"
  remote() { PASSWORD=$(field .GithubToken) GIT_ASKPASS=$state/askpass git "$@"; }
  remote clone "$(field '.GithubURL // "https://github.com"')/$repo.git" "$state/repo" && cd "$state/repo" || return
  git switch "$branch" 2>/dev/null || git switch --create "$branch" || return
  field .Turn.Prompt | bash -c "${AGENT_COMMAND:-cat}" || return
  git add --all && git -c user.name=agent -c user.email=agent@example.com commit -m "$(field .Task.Title)"
  remote push origin "$branch"
}
trap 'finish Failed ErrorMessage stopped; exit 143' TERM
trap 'kill -- -$(jobs -p) 2>/dev/null' EXIT # with everything that it started
patch --arg Status Working
{ work; echo $? >"$state/code"; } 2>&1 </dev/null | tee "$state/log" &
# Without a log, a heartbeat. Either shows whether the turn was cancelled.
while kill -0 $! 2>/dev/null && [[ -z $finished ]]; do upload || { patch && sleep 1; }; done
while upload; do :; done && code=$(cat "$state/code" 2>/dev/null)
result=(Failed ErrorMessage "the agent failed with $code: $(tail -n 1 "$state/log")")
[[ $code == 0 ]] && result=(Completed OutputMessage "$(tail -n 20 "$state/log")")
finish "${result[@]}" || [[ -n $finished ]]
