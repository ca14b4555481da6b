#!/bin/sh
# Rendered by stackctl for the stack "everything.and/more": change the manifest and render again.
# Installs the units, and starts them: `sudo sh install.sh`. The program is /usr/local/bin/stackctl.
# Again after each render; secrets are copied for root alone. DESTDIR is for packagers.
set -eu
cd "$(dirname "$0")"

etc=${DESTDIR:-}/etc/stackctl/everything-and-more
units=${DESTDIR:-}/etc/systemd/system

# All variables are there before anything is done.
: "${BOT_TOKEN:?is not set}"
: "${DISCORD_URL:?is not set}"
: "${HOOK_URL:?is not set}"
: "${PAGER_URL:?is not set}"

install -d -m 755 "$etc" "$units"
install -d -m 700 "$etc/secrets"
rm -rf "$etc/monitoring"
if [ -d monitoring ]; then cp -R monitoring "$etc/"; chmod -R a+rX "$etc/monitoring"; fi
ln -sfn "$(cd . && pwd)" "$etc/here"
(umask 077; printf %s "$BOT_TOKEN" > "$etc/secrets/"bot)
(umask 077; printf %s "$DISCORD_URL" > "$etc/secrets/"discord_url)
install -m 600 ./secrets/hash "$etc/secrets/"hash
(umask 077; printf %s "$HOOK_URL" > "$etc/secrets/"hook)
install -m 600 /etc/secrets/mail "$etc/secrets/"mail
(umask 077; printf %s "$PAGER_URL" > "$etc/secrets/"pager_url)
install -m 600 ./tls/alerts.crt "$etc/secrets/"tls-alerts.crt
install -m 600 ./tls/alerts.key "$etc/secrets/"tls-alerts.key
install -m 600 ./tls/ca.crt "$etc/secrets/"tls-ca.crt
install -m 600 ./tls/grafana.crt "$etc/secrets/"tls-grafana.crt
install -m 600 ./tls/grafana.key "$etc/secrets/"tls-grafana.key
install -m 600 ./tls/host.crt "$etc/secrets/"tls-host.crt
install -m 600 ./tls/host.key "$etc/secrets/"tls-host.key
install -m 600 ./tls/node.crt "$etc/secrets/"tls-node.crt
install -m 600 ./tls/node.key "$etc/secrets/"tls-node.key
install -m 600 ./tls/server.crt "$etc/secrets/"tls-server.crt
install -m 600 ./tls/server.key "$etc/secrets/"tls-server.key
install -m 600 ./secrets/token "$etc/secrets/"token

# Units that the manifest no longer has.
for old in "$units"/stackctl-*.service; do
    if grep -qx PartOf=stackctl-everything-and-more.target "$old" 2>/dev/null && [ ! -e systemd/"${old##*/}" ]; then
        if [ -z "${DESTDIR:-}" ]; then systemctl disable --now "${old##*/}"; fi
        rm -f "$old"
    fi
done
install -m 644 systemd/*.service systemd/*.target "$units/"
install -D -m 644 systemd/stackctl-everything-and-more.sysusers.conf "${DESTDIR:-}/etc/sysusers.d/stackctl-everything-and-more.conf"

if [ -z "${DESTDIR:-}" ]; then
    systemd-sysusers
    systemctl daemon-reload
    systemctl enable stackctl-everything-and-more.target stackctl-everything-and-more-prometheus.service stackctl-everything-and-more-host-exporter.service stackctl-everything-and-more-old-exporter.service stackctl-everything-and-more-node-exporter.service
    systemctl restart stackctl-everything-and-more.target stackctl-everything-and-more-prometheus.service stackctl-everything-and-more-host-exporter.service stackctl-everything-and-more-old-exporter.service stackctl-everything-and-more-node-exporter.service
fi
