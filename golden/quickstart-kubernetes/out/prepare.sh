#!/bin/sh
# Rendered by stackctl for the stack "quickstart": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=quickstart
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply

# All variables are there before anything is made.
: "${GRAFANA_ADMIN_PASSWORD:?is not set}"
printf %s "$GRAFANA_ADMIN_PASSWORD" | make secret generic grafana-admin-password --from-file=grafana_admin_password=/dev/stdin
