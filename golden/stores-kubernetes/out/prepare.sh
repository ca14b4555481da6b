#!/bin/sh
# Rendered by stackctl for the stack "stores": change the manifest and render again.
# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is
# in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one
# of them changes; paths are seen from this folder. Pods that run keep what they read at their
# start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.
set -eu
cd "$(dirname "$0")"

namespace=stores
apply() { kubectl apply --server-side --force-conflicts -f -; }
make() { kubectl create --namespace "$namespace" --dry-run=client -o yaml "$@" | apply; }

kubectl create namespace "$namespace" --dry-run=client -o yaml | apply

# All variables are there before anything is made.
: "${S3_KEY:?is not set}"
: "${S3_KEY_ID:?is not set}"
printf %s "$S3_KEY" | make secret generic s3-key --from-file=s3_key=/dev/stdin
printf %s "$S3_KEY_ID" | make secret generic s3-key-id --from-file=s3_key_id=/dev/stdin
make secret generic tls-cluster-crt --from-file=tls-cluster.crt=./tls/cluster.crt
make secret generic tls-cluster-key --from-file=tls-cluster.key=./tls/cluster.key
make secret generic tls-mimir-crt --from-file=tls-mimir.crt=./tls/mimir.crt
make secret generic tls-mimir-key --from-file=tls-mimir.key=./tls/mimir.key
make secret generic tls-ring-crt --from-file=tls-ring.crt=./tls/ring.crt
make secret generic tls-ring-key --from-file=tls-ring.key=./tls/ring.key
make secret generic tls-vm-crt --from-file=tls-vm.crt=./tls/vm.crt
make secret generic tls-vm-key --from-file=tls-vm.key=./tls/vm.key
make secret generic vm-password --from-file=vm_password=./secrets/vm_password
