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

{{- define "draingate.selectorLabels" -}}
app.kubernetes.io/name: draingate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "draingate.labels" -}}
{{ include "draingate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "draingate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "draingate.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "draingate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* The Secret that is mounted as files; not used where Draingate makes its own certificate. */ -}}
{{- define "draingate.tlsSecretName" -}}
{{- if eq .Values.certificates.mode "secret" -}}
{{ required "certificates.secretName is needed with certificates.mode=secret" .Values.certificates.secretName }}
{{- else -}}
{{ include "draingate.fullname" . }}-tls
{{- end -}}
{{- end }}

{{- /* What the kubelet lets no container of ours do. */ -}}
{{- define "draingate.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "draingate.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}
