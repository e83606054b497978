{{- /* What the schema cannot explain, and what it must not print: it shows the value that it refuses. */ -}}
{{- define "plan42-runner.checks" -}}
{{- include "plan42-runner.checkSettings" . -}}
{{- include "plan42-runner.checkCredentials" (dict "path" "server" "value" .Values.server "way" "a server has no credentials but the runner token") -}}
{{- range $table, $settings := .Values.config -}}
{{- range $key, $value := $settings -}}
{{- $way := printf "set %s in extraEnv, with valueFrom.secretKeyRef" (include "plan42-runner.variable" (dict "table" $table "key" $key)) -}}
{{- include "plan42-runner.checkCredentials" (dict "path" (printf "config.%s.%s" $table $key) "value" $value "way" $way) -}}
{{- end -}}
{{- end -}}
{{- include "plan42-runner.checkVariables" (dict "path" "extraEnv" "list" .Values.extraEnv) -}}
{{- include "plan42-runner.checkOwnVariables" . -}}
{{- $template := (.Values.podTemplate | default dict).spec | default dict -}}
{{- range $kind := list "containers" "initContainers" -}}
{{- $containers := get $template $kind -}}
{{- range $n, $container := ternary $containers list (kindIs "slice" $containers) -}}
{{- if kindIs "map" $container -}}
{{- include "plan42-runner.checkVariables" (dict "path" (printf "podTemplate.spec.%s[%d].env" $kind $n) "list" $container.env) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "plan42-runner.checkAccounts" . -}}
{{- end -}}

{{- /* Settings that are not for `config`, and what to do instead. */ -}}
{{- define "plan42-runner.otherPlaces" -}}
runner.url: set server.url
runner.runtime: remove it, because the chart sets it to "kubernetes"
runner.instance_id: remove it, because the chart makes one of the namespace and the release
runner.token: put the token into the Secret of secret.name, under the key of secret.tokenKey
runner.openai_token: set PLAN42_RUNNER_OPENAI_TOKEN in extraEnv, with valueFrom.secretKeyRef
runner.claude_token: set PLAN42_RUNNER_CLAUDE_TOKEN in extraEnv, with valueFrom.secretKeyRef
queues.shutdown_timeout: set terminationGracePeriodSeconds, from which it follows
health.listen: set health.port
jobs.mounts: add volumes to podTemplate, because pods do not have the files of the runner's machine
jobs.network: remove it, because pods have the network of their cluster
kubernetes.kubeconfig: remove it, because the runner uses the cluster that it is in
kubernetes.context: remove it, because the runner uses the cluster that it is in
kubernetes.namespace: install the release into the namespace of jobs
kubernetes.pod_template: set podTemplate
kubernetes.service_account: set agents.serviceAccount.name
kubernetes.helper_image: remove it, because it is the image of the runner
kubernetes.state_key: put the key into the Secret of secret.name, under the key of secret.stateKeyKey
{{- end -}}

{{- define "plan42-runner.checkSettings" -}}
{{- $config := .Values.config -}}
{{- range $setting, $instead := include "plan42-runner.otherPlaces" . | fromYaml -}}
{{- $names := splitList "." $setting -}}
{{- if hasKey (get $config (first $names) | default dict) (last $names) -}}
{{- fail (printf "cannot use config.%s: %s" $setting $instead) -}}
{{- end -}}
{{- end -}}
{{- if $config.github -}}
{{- fail "cannot use config.github: its tables have tokens. Write the whole configuration into the key runner.toml of a Secret, and name the Secret in configSecret" -}}
{{- end -}}
{{- range $variable := ($config.jobs | default dict).env -}}
{{- if contains "=" $variable -}}
{{- $name := first (splitList "=" $variable) -}}
{{- fail (printf "cannot use the value of %s in config.jobs.env: write the name only, and set the variable in extraEnv, a secret with valueFrom.secretKeyRef" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* With two values of one variable, the last one counts, and some clients refuse it. */ -}}
{{- define "plan42-runner.checkOwnVariables" -}}
{{- $names := list -}}
{{- range .Values.extraEnv -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $setting, $instead := include "plan42-runner.otherPlaces" . | fromYaml -}}
{{- $path := splitList "." $setting -}}
{{- $name := include "plan42-runner.variable" (dict "table" (first $path) "key" (last $path)) -}}
{{- if and (has $name $names) (not (contains $name $instead)) -}}
{{- fail (printf "cannot use the variable %s in extraEnv: %s" $name $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* @param path, value of any type, way: what to do instead. The message has the path only. */ -}}
{{- define "plan42-runner.checkCredentials" -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- include "plan42-runner.checkCredentials" (dict "path" (printf "%s.%s" $.path $key) "value" $value "way" $.way) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $n, $value := .value -}}
{{- include "plan42-runner.checkCredentials" (dict "path" (printf "%s[%d]" $.path $n) "value" $value "way" $.way) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- if regexMatch "://[^/?#\\s]*@|(?i)[?&](api[-_]?key|key|(access[-_]?)?token|secret|password|sig|signature)=" .value -}}
{{- fail (printf "cannot use the URL in %s: it contains credentials, which values and manifests must not have. Instead, %s" .path .way) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* @param path, list of the variables of a container. A secret is named, never contained. */ -}}
{{- define "plan42-runner.checkVariables" -}}
{{- range $n, $variable := ternary .list list (kindIs "slice" .list) -}}
{{- if kindIs "map" $variable -}}
{{- $name := toString $variable.name -}}
{{- $way := printf "put it into a Secret, and name that in %s[%d].valueFrom.secretKeyRef" $.path $n -}}
{{- include "plan42-runner.checkCredentials" (dict "path" (printf "%s[%d].value, the variable %s" $.path $n $name) "value" $variable.value "way" $way) -}}
{{- $isSecret := regexMatch "(?i)(^|_)(token|secret|password|passwd|api_?key|access_key|private_key|secret_key|state_key)$" $name -}}
{{- if and $variable.value (or $isSecret (and (eq $name "PLAN42_JOBS_ENV") (contains "=" (toString $variable.value)))) -}}
{{- fail (printf "cannot use the value of the variable %s in %s[%d]: it is a secret, which values and manifests must not have. Instead, %s" $name $.path $n $way) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* An account of agents with the rights of the runner could read every Secret of the namespace. */ -}}
{{- define "plan42-runner.checkAccounts" -}}
{{- $runner := include "plan42-runner.serviceAccount" . -}}
{{- $template := (.Values.podTemplate | default dict).spec | default dict -}}
{{- $names := dict "podTemplate.spec.serviceAccountName" $template.serviceAccountName "podTemplate.spec.serviceAccount" $template.serviceAccount -}}
{{- $_ := set $names "agents.serviceAccount.name" (include "plan42-runner.agentServiceAccount" . | default "default") -}}
{{- range $setting, $name := $names -}}
{{- if eq (toString $name) $runner -}}
{{- fail (printf "cannot use the service account %s for agents (%s): it is that of the runner, whose rights agents must not have. Name another one" $runner $setting) -}}
{{- end -}}
{{- end -}}
{{- end -}}
