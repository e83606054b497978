{{- define "plan42-runner.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "plan42-runner.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "plan42-runner.labels" -}}
{{ include "plan42-runner.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "plan42-runner.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "plan42-runner.name" .) -}}
{{- else -}}
{{- required "serviceAccount.name is required, because serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "plan42-runner.agentServiceAccount" -}}
{{- if .Values.agents.serviceAccount.create -}}
{{- .Values.agents.serviceAccount.name | default (printf "%s-agent" (include "plan42-runner.name" .)) -}}
{{- else -}}
{{- .Values.agents.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "plan42-runner.image" -}}
{{- $repository := required "image.repository is required: the image of the runner in a registry that your nodes reach" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* Settings that the chart sets, as YAML. A drain ends 30 s before the kubelet kills the runner. */ -}}
{{- define "plan42-runner.ownSettings" -}}
{{- $kubernetes := dict "namespace" .Release.Namespace "helper_image" (include "plan42-runner.image" .) -}}
{{- with include "plan42-runner.agentServiceAccount" . -}}
{{- $_ := set $kubernetes "service_account" . -}}
{{- end -}}
{{- if .Values.podTemplate -}}
{{- $_ := set $kubernetes "pod_template" "/etc/plan42/pod-template.yaml" -}}
{{- end -}}
{{- $runner := dict "runtime" "kubernetes" -}}
{{- with .Values.server.url -}}
{{- $_ := set $runner "url" . -}}
{{- end -}}
{{- $health := dict "listen" (printf "[::]:%d" (int .Values.health.port)) -}}
{{- $queues := dict "shutdown_timeout" (printf "%ds" (sub (int .Values.terminationGracePeriodSeconds) 30)) -}}
{{- dict "runner" $runner "kubernetes" $kubernetes "health" $health "queues" $queues | toYaml -}}
{{- end -}}

{{- define "plan42-runner.config" -}}
{{- mustMergeOverwrite (deepCopy .Values.config) (include "plan42-runner.ownSettings" . | fromYaml) | toToml -}}
{{- end -}}

{{- define "plan42-runner.variable" -}}
{{- printf "PLAN42_%s_%s" .table .key | upper -}}
{{- end -}}

{{/* The same for all pods of the release, so that they share its jobs. */}}
{{- define "plan42-runner.instanceId" -}}
{{- $hash := sha256sum (printf "%s/%s" .Release.Namespace .Release.Name) -}}
{{- printf "%s-%s-8%s-8%s-%s" (substr 0 8 $hash) (substr 8 12 $hash) (substr 13 16 $hash) (substr 17 20 $hash) (substr 20 32 $hash) -}}
{{- end -}}
