#!/bin/sh
# Rendered by stackctl for the stack "skincare": change the manifest and render again.
# Makes the user that the MySQL exporter logs in as. The database's image runs it once, while its data
# folder is still empty; `make mysql-grants` runs it again. The image reads a script that is not executable
# into its own shell: the parentheses keep options and variables to ourselves.
(
set -eu
trap '[ "$?" = 0 ] || echo "the user of the MySQL exporter was not made" >&2' EXIT

client=mysql
command -v "$client" >/dev/null 2>&1 || client=mariadb

root_password="${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:-}}"
root_file="${MYSQL_ROOT_PASSWORD_FILE:-${MARIADB_ROOT_PASSWORD_FILE:-}}"
if [ -z "$root_password" ] && [ -n "$root_file" ]; then
    root_password="$(cat "$root_file")"
fi

# Backslashes and quotes have a meaning inside of an SQL text.
password="$(sed "s/[\\\\']/\\\\&/g" /run/secrets/db_exporter)"
user=exporter

MYSQL_PWD="$root_password" "$client" --protocol=socket --user=root <<SQL
CREATE USER IF NOT EXISTS '$user'@'%' IDENTIFIED BY '$password' WITH MAX_USER_CONNECTIONS 3;
ALTER USER '$user'@'%' IDENTIFIED BY '$password';
GRANT PROCESS, REPLICATION CLIENT, /*M!100509 SLAVE MONITOR, */ SELECT ON *.* TO '$user'@'%';
SQL
)
