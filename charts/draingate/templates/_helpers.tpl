{{- define "draingate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "draingate.namespace" -}}
{{ default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "draingate.selectorLabels" -}}
app.kubernetes.io/name: draingate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "draingate.labels" -}}
{{ include "draingate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "draingate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "draingate.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- /* With its registry: CRI-O takes no short name. A repository that begins with a registry has one. A released chart
names the image that was built with it: by its digest, where it is taken from there. */ -}}
{{- define "draingate.image" -}}
{{- with .Values.image -}}
{{- $first := splitList "/" .repository | first -}}
{{- $registry := default .registry $.Values.global.imageRegistry -}}
{{- $name := .repository -}}
{{- if and $registry (not (and (contains "/" .repository) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")))) -}}
{{- $name = printf "%s/%s" (trimSuffix "/" $registry) .repository -}}
{{- end -}}
{{- $released := index $.Chart.Annotations "draingate.dev/image" -}}
{{- if .digest -}}
{{ $name }}@{{ .digest }}
{{- else if and (not .tag) (hasPrefix (printf "%s@" $name) $released) -}}
{{ $released }}
{{- else -}}
{{ $name }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "draingate.imagePullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets }}
- name: {{ kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name") }}
{{- end }}
{{- end }}

{{- /* The Secret that is mounted as files; not used where Draingate makes its own certificate. */ -}}
{{- define "draingate.tlsSecretName" -}}
{{- if eq .Values.certificates.mode "secret" -}}
{{ required "certificates.secretName is needed with certificates.mode=secret" .Values.certificates.secretName }}
{{- else -}}
{{ include "draingate.fullname" . }}-tls
{{- end -}}
{{- end }}

{{- /* The defaults stand here: null does not take away those of a subchart's values.yaml. */ -}}
{{- define "draingate.podSecurityContext" -}}
{{- include "draingate.onTopOf" (dict "values" .Values.podSecurityContext "defaults" (dict
  "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532
  "seccompProfile" (dict "type" "RuntimeDefault"))) }}
{{- end }}

{{- define "draingate.containerSecurityContext" -}}
{{- include "draingate.onTopOf" (dict "values" .Values.securityContext "defaults" (dict
  "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")))) }}
{{- end }}

{{- define "draingate.onTopOf" -}}
{{- $all := dict }}
{{- range $field, $value := .defaults }}{{ $_ := set $all $field $value }}{{ end }}
{{- range $field, $value := .values }}
{{- if or (kindIs "invalid" $value) (eq (toString $value) "") }}{{ $_ := unset $all $field }}{{ else }}{{ $_ := set $all $field $value }}{{ end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{- /* The API server's name for the Service, which is too long for a common name where both names are long. */ -}}
{{- define "draingate.commonName" -}}
{{- default (printf "%s.%s.svc" (include "draingate.fullname" .) (include "draingate.namespace" .) | trunc 64 | trimSuffix ".") .Values.certificates.commonName -}}
{{- end }}

{{- define "draingate.privateKey" -}}
{{- $parts := splitList "-" .Values.certificates.keyAlgorithm -}}
algorithm: {{ first $parts }}
size: {{ last $parts | trimPrefix "P" }}
{{- end }}
