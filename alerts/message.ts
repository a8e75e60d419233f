// The Slack message, and the same as mail, as Alertmanager templates: what, how bad, since when, what to do, and links to our own pages only.
import { outsideUrl, type Ref, v } from "../components/spec.ts";

/** How many alerts of a group are told in full: a storm stays one readable message, below every limit of Slack. */
const shown = 5;

const plain = (expression: string): string =>
  `{{ ${expression} | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}`;

const link = (url: string, text: string): string => `<${url}|${text}>`;

const eachAlert = (list: "Firing" | "Resolved", body: string): string =>
  `{{ range $index, $alert := .Alerts.${list} }}{{ if lt $index ${shown} }}${body}{{ end }}{{ end -}}` +
  `{{ if gt (len .Alerts.${list}) ${shown} }}… {{ len .Alerts.${list} }} in all, the first ${shown} are shown.\n{{ end -}}`;

const since = '{{ .StartsAt.UTC.Format "2006-01-02 15:04:05" }} UTC';

const value = `{{ if .Annotations.reading }}${plain(".Annotations.reading")}, since{{ else }}Since{{ end }} ${since}`;

const firing = `*${plain(".Annotations.summary")}*
${value}
${plain(".Annotations.action")}
{{ if match "^https?://" .Annotations.runbook_url }}${link("{{ .Annotations.runbook_url }}", "Runbook")}{{ else }}Runbook {{ .Annotations.runbook_url }}{{ end }} · ${link("{{ .Annotations.dashboard_url }}", "Dashboard")} · ${link("{{ .GeneratorURL }}", "Query")}{{ if .Annotations.traces_url }} · ${link("{{ .Annotations.traces_url }}", "Traces")}{{ end }}
`;

const resolved = `Over: *${plain(".Annotations.summary")}*
From ${since} to {{ .EndsAt.UTC.Format "15:04:05" }} UTC
`;

const mail = `{{ range .Alerts }}{{ if eq .Status "firing" }}FIRING{{ else }}OVER{{ end }}: {{ .Annotations.summary }}
${value}{{ if eq .Status "firing" }}
{{ .Annotations.action }}
Runbook: {{ .Annotations.runbook_url }}
Dashboard: {{ .Annotations.dashboard_url }}{{ end }}

{{ end }}`;

/** A matcher in the query of Alertmanager's page for new silences: `alertname="RedisDown"`, percent-encoded. */
const matcher = (label: string): string => `${label}%3D%22{{ .CommonLabels.${label} | urlquery }}%22`;

/** The template file's text. A reference, because the page for silences is Alertmanager's own. */
export const slackTemplate: Ref = v`{{ define "vitals.title" }}[{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}] {{ .CommonLabels.alertname }} {{ .CommonLabels.service }}{{ if gt (len .Alerts.Firing) 1 }} ({{ len .Alerts.Firing }}){{ end }}{{ end }}
{{ define "vitals.title_link" }}{{ (index .Alerts 0).Annotations.dashboard_url }}{{ end }}
{{ define "vitals.color" }}{{ if ne .Status "firing" }}good{{ else if eq .CommonLabels.severity "page" }}danger{{ else }}warning{{ end }}{{ end }}
{{ define "vitals.text" }}${eachAlert("Firing", firing)}{{ if gt (len .Alerts.Firing) 0 }}<${outsideUrl("alertmanager/web", "/#/silences/new?filter=")}%7B${matcher("alertname")}%2C${matcher("service")}%7D|Silence> · owner {{ .CommonLabels.owner }}
{{ end }}${eachAlert("Resolved", resolved)}{{ end }}
{{ define "vitals.mail" }}${mail}{{ end }}
`;
