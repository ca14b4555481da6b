#!/bin/sh
# Rendered by stackctl for the stack "skincare": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=skincare
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply

# All variables are there before anything is made.
: "${GITHUB_CLIENT_ID:?is not set}"
: "${GRAFANA_ADMIN_PASSWORD:?is not set}"
: "${SLACK_WEBHOOK_URL:?is not set}"
make secret generic db-exporter --from-file=db_exporter=./secrets/db_exporter
make secret generic db-root --from-file=db_root=./secrets/db_root
printf %s "$GITHUB_CLIENT_ID" | make secret generic github-client-id --from-file=github_client_id=/dev/stdin
make secret generic github-secret --from-file=github_secret=./secrets/github_secret
printf %s "$GRAFANA_ADMIN_PASSWORD" | make secret generic grafana-admin --from-file=grafana_admin=/dev/stdin
make secret generic prom-password --from-file=prom_password=./secrets/prom_password
make secret generic prom-web --from-file=prom_web=./secrets/prom_web
printf %s "$SLACK_WEBHOOK_URL" | make secret generic slack-hook --from-file=slack_hook=/dev/stdin
make secret generic tls-alertmanager-crt --from-file=tls-alertmanager.crt=./tls/alertmanager.crt
make secret generic tls-alertmanager-key --from-file=tls-alertmanager.key=./tls/alertmanager.key
make secret generic tls-grafana-crt --from-file=tls-grafana.crt=./tls/grafana.crt
make secret generic tls-grafana-key --from-file=tls-grafana.key=./tls/grafana.key
make secret generic tls-mysql-exporter-crt --from-file=tls-mysql-exporter.crt=./tls/mysql-exporter.crt
make secret generic tls-mysql-exporter-key --from-file=tls-mysql-exporter.key=./tls/mysql-exporter.key
make secret generic tls-node-exporter-crt --from-file=tls-node-exporter.crt=./tls/node-exporter.crt
make secret generic tls-node-exporter-key --from-file=tls-node-exporter.key=./tls/node-exporter.key
make secret generic tls-prom-crt --from-file=tls-prom.crt=./tls/prom.crt
make secret generic tls-prom-key --from-file=tls-prom.key=./tls/prom.key
make secret generic tls-pushgateway-crt --from-file=tls-pushgateway.crt=./tls/pushgateway.crt
make secret generic tls-pushgateway-key --from-file=tls-pushgateway.key=./tls/pushgateway.key
if [ -n "$(find ./app/public -mindepth 1 -type d)" ]; then
    echo ./app/public 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap app-public --from-file=./app/public
