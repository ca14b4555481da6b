#!/bin/sh
# Rendered by stackctl for the stack "operator": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=operator
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply

# All variables are there before anything is made.
: "${PAGER_URL:?is not set}"
: "${API_TOKEN:?is not set}"
: "${WEB_TOKEN:?is not set}"
make secret generic hook --from-file=hook=./secrets/hook
printf %s "$PAGER_URL" | make secret generic pager-url --from-file=pager_url=/dev/stdin
make secret generic password --from-file=password=./secrets/password
make secret generic tls-alerts-crt --from-file=tls-alerts.crt=./tls/alerts.crt
make secret generic tls-alerts-key --from-file=tls-alerts.key=./tls/alerts.key
make secret generic tls-ca-crt --from-file=tls-ca.crt=./tls/ca.crt
printf %s "$API_TOKEN" | make secret generic token --from-file=token=/dev/stdin
printf %s "$WEB_TOKEN" | make secret generic web-token --from-file=web_token=/dev/stdin
if [ -n "$(find ./targets -mindepth 1 -type d)" ]; then
    echo ./targets 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap targets --from-file=./targets
make configmap templates-shop-tmpl --from-file=shop.tmpl=./templates/shop.tmpl
