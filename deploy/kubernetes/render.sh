#!/usr/bin/env bash
# Renders plan42-runner.yaml from the chart, with the values beside it. Needs Helm.
set -euo pipefail
cd "$(dirname "$0")"
rendered=$(helm template plan42-runner ../helm/plan42-runner --namespace plan42 --values values.yaml)
cat >plan42-runner.yaml <<END
# The runner of Plan42, without Helm. docs/kubernetes.md says what to change in it.
# Rendered from ../helm/plan42-runner by render.sh.
apiVersion: v1
kind: Namespace
metadata:
  name: plan42
$(grep -v -e '^# Source: ' -e '^ *helm.sh/chart: ' -e '^ *app.kubernetes.io/version: ' <<<"$rendered" | sed 's/managed-by: Helm/managed-by: kubectl/')
END
