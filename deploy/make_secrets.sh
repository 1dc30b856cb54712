#!/bin/sh
# Makes the secrets of a stack that runs in containers, one file each: sh deploy/make_secrets.sh deploy/secrets
# What is there already stays as it is: PostgreSQL remembers its passwords, and what `secret_key` has sealed needs it.
set -eu

folder=${1:?name the directory for the secrets}

# The processes in the containers have numbers of their own, so only the directory keeps others out.
mkdir -p "$folder"
chmod 700 "$folder"
for name in owner nats valkey secret_key accounts keys links profile analytics webhooks; do
    [ -s "$folder/$name" ] && continue
    umask 022
    # Hexadecimal, so that it needs no escaping anywhere.
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name.new"
    mv "$folder/$name.new" "$folder/$name"
done
