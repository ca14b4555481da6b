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
: "${GRAFANA_ADMIN_PASSWORD:?is not set}"
: "${SLACK_WEBHOOK_URL:?is not set}"
make secret generic db-exporter --from-file=db_exporter=./secrets/db_exporter
make secret generic db-root --from-file=db_root=./secrets/db_root
printf %s "$GRAFANA_ADMIN_PASSWORD" | make secret generic grafana-admin --from-file=grafana_admin=/dev/stdin
printf %s "$SLACK_WEBHOOK_URL" | make secret generic slack-hook --from-file=slack_hook=/dev/stdin
if [ -n "$(find ./app/public -mindepth 1 -type d)" ]; then
    echo ./app/public 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap app-public --from-file=./app/public
