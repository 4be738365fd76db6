#!/usr/bin/env bash
# Runs a command with TEST_POSTGRES in its environment: the URL of a PostgreSQL cluster of its own, in a
# temporary folder, which goes when the command ends. PostgreSQL's programs are in its PATH. With --pooler
# first, PgBouncer stands before it, which has three connections to each database and gives each transaction
# another one.
set -euo pipefail
pooler=
if [ "$1" = --pooler ]; then
    pooler=$(PATH=$PATH:/usr/sbin command -v pgbouncer)
    shift
fi
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
folder=$(mktemp -d -t headwater-pg-XXXXXX)
port=$(free_port)
# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
    chown nobody "$folder"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
cd /
"${as[@]}" "$programs/initdb" --pgdata="$folder/data" --username=headwater --auth=trust --encoding=UTF8 \
    --locale=C --no-sync >/dev/null
"${as[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --wait --options="-c port=$port \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=500 -c fsync=off \
    -c full_page_writes=off" start >/dev/null
stop() {
    [ -z "$pooler" ] || kill "$pooled" || true
    "${as[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --mode=immediate --wait stop >/dev/null
    rm -rf "$folder"
}
if [ -n "$pooler" ]; then
    behind=$port
    port=$(free_port)
    echo '"headwater" ""' >"$folder/users"
    cat >"$folder/pgbouncer.ini" <<END
[databases]
* = host=127.0.0.1 port=$behind
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 2000
logfile = $folder/pgbouncer.log
END
    "${as[@]}" "$pooler" --quiet "$folder/pgbouncer.ini" &
    pooled=$!
fi
trap stop EXIT
cd - >/dev/null
PATH=$PATH:$programs TEST_POSTGRES="postgres://headwater@127.0.0.1:$port/postgres" "$@"
