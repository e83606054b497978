#!/bin/sh
# The agent of the test of credentials: uses each secret that it was given, with several programs, and waits to be looked at.
# HOST and the ports are in its environment.
set -u
export HOME=/tmp PATH=/usr/bin:/bin
cat >/tmp/request
field() { python3 -c 'import json,sys; r=json.load(open("/tmp/request")); print(eval(sys.argv[1]))' "$1"; }
variable() { field "[v[\"Value\"] for v in r[\"Environment\"][\"EnvVars\"] if v[\"Name\"]==\"$1\"][0]"; }
token=$(field 'r["GithubToken"]')
branch=plan42/keys-$(field 'r["Task"]["TaskId"][:8]')
code=https://$HOST:$CODE_PORT model=https://$HOST:$MODEL_PORT
get() { curl -sS -o /tmp/out -w "$1 %{http_code}\n" "$@" 2>&1 | sed 's/.*curl:/curl:/'; }

git clone -q "https://x-access-token:$token@$HOST:$CODE_PORT/acme/app.git" /tmp/app && cd /tmp/app || exit 9
git config user.name a && git config user.email a@example.com
echo content >new.txt && git add new.txt && git commit -qm 'Add a file' && git push -q origin "HEAD:$branch" && echo 'git works'
# Beyond the task: each of these is refused.
git push -q origin HEAD:main "HEAD:$branch-more" 2>&1 | grep -o '\[remote rejected\].*'
git push -q origin ":$branch" 2>&1 | grep -o '\[remote rejected\].*'
git ls-remote "https://x-access-token:$token@$HOST:$CODE_PORT/acme/other.git" 2>&1 | grep -o 'plan42: acme/other is no repository'
get "$code/api/v3/repos/acme/app/pulls/1/merge" -X PUT -d '{}' -H "Authorization: token $token"

get "$code/api/v3/user" -H "Authorization: token $token"
get "$code/api/graphql" -H "Authorization: bearer $token" -d '{"query":"{viewer{login}}"}'
get "$code/api/v3/rate_limit" -H "Authorization: Bearer $GH_TOKEN"
get "$model/v1/models" -H "Authorization: Bearer $OPENAI_API_KEY"
get "$model/v1beta/models?key=$GEMINI_API_KEY"
get "$model/own" -H "X-Own: $(variable REGISTRY_KEY)"
get "$model/gitlab" -H "PRIVATE-TOKEN: $GITLAB_TOKEN"
get "$model/npm" -H "Authorization: Bearer $(variable NPM_TOKEN)"
get "$code/elsewhere" -H "Authorization: Bearer $OPENAI_API_KEY"

MODEL=$model
MESSAGES_TOKEN=$(variable ANTHROPIC_AUTH_TOKEN)
export MODEL MESSAGES_TOKEN
# shellcheck disable=SC2016 # The variables are of JavaScript.
/given/node --input-type=module -e '
  const { MODEL, ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN, MESSAGES_TOKEN } = process.env;
  for (const headers of [{ "x-api-key": ANTHROPIC_API_KEY }, { authorization: `Bearer ${CLAUDE_CODE_OAUTH_TOKEN}` }]) {
    const answer = await fetch(`${MODEL}/v1/messages`, { method: "POST", headers, body: "{}" });
    console.log("node", answer.status);
  }
  // In memory only, where the scan must find it.
  globalThis.kept = Buffer.from("6d656d6f72792d636f6e74726f6c", "hex").toString();
  setInterval(() => {}, 1000);
' &
python3 -c '
import os, time, urllib.request as u
request = u.Request(os.environ["MODEL"] + "/v1/python", headers={"Authorization": "Bearer " + os.environ["MESSAGES_TOKEN"]})
print("python", u.urlopen(request).status, flush=True)
time.sleep(1000)
' &
echo waiting
while [ ! -e /given/again ]; do sleep 0.1; done
# The gateway looks at its file four times a second.
until get "$code/api/v3/meta" -H "Authorization: token $token" | grep "meta 200"; do sleep 0.1; done
echo ended
