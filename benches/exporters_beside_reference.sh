#!/usr/bin/env bash
# Our exporters beside the reference programs of the distribution, scraped in turn on one machine: CPU
# time and latency of a scrape, resident memory between scrapes and at most within one. A private
# MariaDB is started for the MySQL ones. Prints medians of the rounds and the ratio ours/theirs; nothing
# here passes or fails.
#
#   benches/exporters_beside_reference.sh [path of stackctl] [rounds] [scrapes in a round]
set -euo pipefail
stackctl=$(realpath "${1:-target/release/stackctl}")
rounds=${2:-7}
scrapes=${3:-50}
PATH=$PATH:/usr/sbin
folder=$(mktemp -d)
pids=()
# shellcheck disable=SC2317 # it is called by the trap
cleanup() {
    kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start NAME COMMAND... : the port is appended as --web.listen-address.
declare -A pid port
start() {
    local name=$1
    shift
    port[$name]=$(free_port)
    "$@" "--web.listen-address=127.0.0.1:${port[$name]}" >"$folder/$name.log" 2>&1 &
    pid[$name]=$!
    pids+=($!)
    for _ in $(seq 100); do
        curl -sf -o /dev/null "http://127.0.0.1:${port[$name]}/metrics" && return
        sleep 0.1
    done
    echo "$name does not answer:" >&2
    cat "$folder/$name.log" >&2
    exit 1
}

# CPU time of a process and its threads so far, in clock ticks.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

# Resident memory in KiB: now (VmRSS), or at most since it was last asked for (VmHWM).
resident() { awk -v what="$1:" '$1 == what {print $2}' "/proc/${pid[$2]}/status"; }

median() { sort -n | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

round() {
    local name=$1 before after
    local urls=()
    for _ in $(seq "$scrapes"); do urls+=(-o /dev/null "http://127.0.0.1:${port[$name]}/metrics"); done
    before=$(ticks "${pid[$name]}")
    curl -s -w '%{time_total}\n' "${urls[@]}" | awk '{print $1 * 1000}' | median >>"$folder/$name.latency"
    after=$(ticks "${pid[$name]}")
    awk -v d=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$scrapes" \
        'BEGIN {print d * 1000 / hz / n}' >>"$folder/$name.cpu"
}

compare() {
    local ours=$1 theirs=$2
    for _ in $(seq "$rounds"); do
        round "$ours"
        round "$theirs"
    done
    for figure in cpu latency; do
        awk -v what="$ours $figure" -v a="$(median <"$folder/$ours.$figure")" -v b="$(median <"$folder/$theirs.$figure")" \
            'BEGIN {printf "%-24s %8.2f ms  reference %8.2f ms  ratio %.2f\n", what, a, b, a / b}'
    done
    # The most within a scrape, and what stays afterwards.
    for name in "$ours" "$theirs"; do
        echo 5 >"/proc/${pid[$name]}/clear_refs"
        curl -s -o /dev/null "http://127.0.0.1:${port[$name]}/metrics"
        resident VmHWM "$name" >"$folder/$name.within"
    done
    sleep 1
    for name in "$ours" "$theirs"; do
        resident VmRSS "$name" >"$folder/$name.between"
    done
    for when in between within; do
        awk -v what="$ours memory, $when" -v a="$(<"$folder/$ours.$when")" -v b="$(<"$folder/$theirs.$when")" \
            'BEGIN {printf "%-24s %8.1f MiB reference %8.1f MiB ratio %.2f\n", what, a / 1024, b / 1024, a / b}'
    done
}

start node "$stackctl" run node-exporter
start node-reference prometheus-node-exporter
compare node node-reference

database=$folder/database
mariadb-install-db --no-defaults --datadir="$database" --auth-root-authentication-method=normal --skip-test-db \
    >"$folder/install.log" 2>&1
mysql_port=$(free_port)
user=$(id -un)
mariadbd --no-defaults --user="$user" --datadir="$database" --socket="$folder/socket" --bind-address=127.0.0.1 \
    --port="$mysql_port" >"$folder/mariadbd.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
    mariadb --no-defaults --socket="$folder/socket" --user=root -e \
        "create user if not exists exporter@'%' identified by 'secret'; grant process, replication client, slave monitor, select on *.* to exporter@'%'" \
        2>/dev/null && break
    sleep 0.1
done
printf '[client]\nuser=exporter\npassword=secret\nhost=127.0.0.1\nport=%s\n' "$mysql_port" >"$folder/my.cnf"
start mysql "$stackctl" run mysqld-exporter "--config.my-cnf=$folder/my.cnf"
# The packaged version takes its login from the environment.
DATA_SOURCE_NAME="exporter:secret@(127.0.0.1:$mysql_port)/" \
    start mysql-reference prometheus-mysqld-exporter
compare mysql mysql-reference
