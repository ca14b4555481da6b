#!/bin/sh
# Rendered by stackctl for the stack "scale-eu": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=scale-eu
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply
make secret generic grafana-admin --from-file=grafana_admin=./secrets/grafana_admin
make secret generic store-password --from-file=store_password=./secrets/store_password
make secret generic tls-store-crt --from-file=tls-store.crt=./tls/store.crt
if [ -n "$(find ./targets -mindepth 1 -type d)" ]; then
    echo ./targets 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap targets --from-file=./targets
