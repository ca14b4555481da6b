#!/bin/sh
# Rendered by stackctl for the stack "everything.and/more": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=everything-and-more
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply

# All variables are there before anything is made.
: "${BOT_TOKEN:?is not set}"
: "${DISCORD_URL:?is not set}"
: "${HOOK_URL:?is not set}"
: "${OAUTH_SECRET:?is not set}"
: "${PAGER_URL:?is not set}"
: "${WEB_TOKEN:?is not set}"
printf %s "$BOT_TOKEN" | make secret generic bot --from-file=bot=/dev/stdin
printf %s "$DISCORD_URL" | make secret generic discord-url --from-file=discord_url=/dev/stdin
make secret generic hash --from-file=hash=./secrets/hash
printf %s "$HOOK_URL" | make secret generic hook --from-file=hook=/dev/stdin
make secret generic mail --from-file=mail=/etc/secrets/mail
printf %s "$OAUTH_SECRET" | make secret generic oauth-secret --from-file=oauth_secret=/dev/stdin
printf %s "$PAGER_URL" | make secret generic pager-url --from-file=pager_url=/dev/stdin
make secret generic tls-alerts-crt --from-file=tls-alerts.crt=./tls/alerts.crt
make secret generic tls-alerts-key --from-file=tls-alerts.key=./tls/alerts.key
make secret generic tls-ca-crt --from-file=tls-ca.crt=./tls/ca.crt
make secret generic tls-grafana-crt --from-file=tls-grafana.crt=./tls/grafana.crt
make secret generic tls-grafana-key --from-file=tls-grafana.key=./tls/grafana.key
make secret generic tls-host-crt --from-file=tls-host.crt=./tls/host.crt
make secret generic tls-host-key --from-file=tls-host.key=./tls/host.key
make secret generic tls-node-crt --from-file=tls-node.crt=./tls/node.crt
make secret generic tls-node-key --from-file=tls-node.key=./tls/node.key
make secret generic tls-server-crt --from-file=tls-server.crt=./tls/server.crt
make secret generic tls-server-key --from-file=tls-server.key=./tls/server.key
make secret generic token --from-file=token=./secrets/token
printf %s "$WEB_TOKEN" | make secret generic web-token --from-file=web_token=/dev/stdin
make secret generic web-env --from-env-file=./web.env
if [ -n "$(find ./conf -mindepth 1 -type d)" ]; then
    echo ./conf 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap conf --from-file=./conf
if [ -n "$(find ./targets -mindepth 1 -type d)" ]; then
    echo ./targets 'has folders in it: a ConfigMap has none, put it into the image' >&2
    exit 1
fi
make configmap targets --from-file=./targets
make configmap templates-shop-tmpl --from-file=shop.tmpl=./templates/shop.tmpl
