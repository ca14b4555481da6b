#!/bin/sh
# Rendered by stackctl for the stack "skincare": change the manifest and render again.
# Installs the units, and starts them: `sudo sh install.sh`. The program is /usr/local/bin/stackctl.
# Again after each render; secrets are copied for root alone. DESTDIR is for packagers.
set -eu
cd "$(dirname "$0")"

etc=${DESTDIR:-}/etc/stackctl/skincare
units=${DESTDIR:-}/etc/systemd/system

# All variables are there before anything is done.
: "${SLACK_WEBHOOK_URL:?is not set}"

install -d -m 755 "$etc" "$units"
install -d -m 700 "$etc/secrets"
rm -rf "$etc/monitoring"
if [ -d monitoring ]; then cp -R monitoring "$etc/"; chmod -R a+rX "$etc/monitoring"; fi
ln -sfn "$(cd . && pwd)" "$etc/here"
install -m 600 ./secrets/db_exporter "$etc/secrets/"db_exporter
install -m 600 ./secrets/db_root "$etc/secrets/"db_root
install -m 600 ./secrets/github_secret "$etc/secrets/"github_secret
install -m 600 ./secrets/prom_password "$etc/secrets/"prom_password
install -m 600 ./secrets/prom_web "$etc/secrets/"prom_web
(umask 077; printf %s "$SLACK_WEBHOOK_URL" > "$etc/secrets/"slack_hook)
install -m 600 ./tls/alertmanager.crt "$etc/secrets/"tls-alertmanager.crt
install -m 600 ./tls/alertmanager.key "$etc/secrets/"tls-alertmanager.key
install -m 600 ./tls/grafana.crt "$etc/secrets/"tls-grafana.crt
install -m 600 ./tls/grafana.key "$etc/secrets/"tls-grafana.key
install -m 600 ./tls/mysql-exporter.crt "$etc/secrets/"tls-mysql-exporter.crt
install -m 600 ./tls/mysql-exporter.key "$etc/secrets/"tls-mysql-exporter.key
install -m 600 ./tls/node-exporter.crt "$etc/secrets/"tls-node-exporter.crt
install -m 600 ./tls/node-exporter.key "$etc/secrets/"tls-node-exporter.key
install -m 600 ./tls/prom.crt "$etc/secrets/"tls-prom.crt
install -m 600 ./tls/prom.key "$etc/secrets/"tls-prom.key
install -m 600 ./tls/pushgateway.crt "$etc/secrets/"tls-pushgateway.crt
install -m 600 ./tls/pushgateway.key "$etc/secrets/"tls-pushgateway.key

# Units that the manifest no longer has.
for old in "$units"/stackctl-*.service; do
    if grep -qx PartOf=stackctl-skincare.target "$old" 2>/dev/null && [ ! -e systemd/"${old##*/}" ]; then
        if [ -z "${DESTDIR:-}" ]; then systemctl disable --now "${old##*/}"; fi
        rm -f "$old"
    fi
done
install -m 644 systemd/*.service systemd/*.target "$units/"
install -D -m 644 systemd/stackctl-skincare.sysusers.conf "${DESTDIR:-}/etc/sysusers.d/stackctl-skincare.conf"

if [ -z "${DESTDIR:-}" ]; then
    systemd-sysusers
    systemctl daemon-reload
    systemctl enable stackctl-skincare.target stackctl-skincare-prometheus.service stackctl-skincare-node-exporter.service stackctl-skincare-mysql-exporter.service stackctl-skincare-app.service
    systemctl restart stackctl-skincare.target stackctl-skincare-prometheus.service stackctl-skincare-node-exporter.service stackctl-skincare-mysql-exporter.service stackctl-skincare-app.service
fi
