#!/usr/bin/env bash
# Runs a command with TEST_POSTGRES in its environment: the URL of a PostgreSQL cluster of its own, in a
# temporary folder, which goes when the command ends.
set -euo pipefail
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
folder=$(mktemp -d -t headwater-pg-XXXXXX)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
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
    "${as[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --mode=immediate --wait stop >/dev/null
    rm -rf "$folder"
}
trap stop EXIT
cd - >/dev/null
TEST_POSTGRES="postgres://headwater@127.0.0.1:$port/postgres" "$@"
