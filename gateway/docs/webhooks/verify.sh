#!/bin/sh
# verify.sh SECRET MESSAGE_ID TIMESTAMP SIGNATURE < BODY
# Ends with 0 when this was sent by who knows the secret, and just now.
# While openssl runs, other users of the machine can see the key: this is for trying things out.
tolerance_seconds=300
LC_ALL=C

case $3 in "" | *[!0-9]* | ?????????????*) exit 1 ;; esac
age=$(($(date +%s) - $(echo "$3" | sed 's/^0*\(.\)/\1/')))
[ "${age#-}" -le "$tolerance_seconds" ] || exit 1

hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" | sed 's/^.*= //'; }

key=$(printf %s "${1#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
expected=sha256=$({ printf '%s.%s.' "$2" "$3" && cat; } | hmac "$key")
# What is compared are HMACs by a key that nobody knows: the time it takes tells nothing.
unknown=$(openssl rand -hex 32)
wanted=$(printf %s "$expected" | hmac "$unknown")
# While a secret is being changed there are two signatures, with a comma between.
IFS=,
for each in $4; do
    [ "$(printf %s "$each" | hmac "$unknown")" = "$wanted" ] && exit 0
done
exit 1
