#!/bin/sh
# Rendered by stackctl for the stack "quickstart": change the manifest and render again.
# Installs the units, and starts them: `sudo sh install.sh`. The program is /usr/local/bin/stackctl.
# Again after each render; secrets are copied for root alone. DESTDIR is for packagers.
set -eu
cd "$(dirname "$0")"

etc=${DESTDIR:-}/etc/stackctl/quickstart
units=${DESTDIR:-}/etc/systemd/system

install -d -m 755 "$etc" "$units"
install -d -m 700 "$etc/secrets"
rm -rf "$etc/monitoring"
if [ -d monitoring ]; then cp -R monitoring "$etc/"; chmod -R a+rX "$etc/monitoring"; fi
ln -sfn "$(cd . && pwd)" "$etc/here"

# Units that the manifest no longer has.
for old in "$units"/stackctl-*.service; do
    if grep -qx PartOf=stackctl-quickstart.target "$old" 2>/dev/null && [ ! -e systemd/"${old##*/}" ]; then
        if [ -z "${DESTDIR:-}" ]; then systemctl disable --now "${old##*/}"; fi
        rm -f "$old"
    fi
done
install -m 644 systemd/*.service systemd/*.target "$units/"
install -D -m 644 systemd/stackctl-quickstart.sysusers.conf "${DESTDIR:-}/etc/sysusers.d/stackctl-quickstart.conf"

if [ -z "${DESTDIR:-}" ]; then
    systemd-sysusers
    systemctl daemon-reload
    systemctl enable stackctl-quickstart.target stackctl-quickstart-prometheus.service stackctl-quickstart-node-exporter.service
    systemctl restart stackctl-quickstart.target stackctl-quickstart-prometheus.service stackctl-quickstart-node-exporter.service
fi
