"""Every setting of every process: its name with the unit in it, its default, and one sentence.

Each field is read from the environment as ``WAYPOST_`` and its name in capitals, e.g. ``WAYPOST_ASK_TIMEOUT_SECONDS``.
An empty value counts as absent. With ``_FILE`` at its end a variable names the file that holds the value instead, as
secrets are handed to containers.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
from msgspec import Meta

PREFIX = "WAYPOST_"
FROM_FILE = "_FILE"
SHORTEST_SECRET_KEY = 32


class SettingsError(Exception):
    """A setting is missing or has an impossible value; the text names the variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    # Where the servers are
    nats_url: Annotated[
        str, Meta(description="The NATS server with JetStream (`nats://` or `tls://`), user and password included.")
    ]
    redis_url: Annotated[
        str, Meta(description="The Valkey that counts the limits, or any node of its cluster. Read by the gateway.")
    ] = ""
    database_url: Annotated[
        str, Meta(description="The PostgreSQL database; for a service: with its own role, for `migrate`: the owner's.")
    ] = ""
    nats_password: Annotated[
        str, Meta(description="The password for `nats_url`, where that one names a user only.")
    ] = ""
    redis_password: Annotated[str, Meta(description="The password for `redis_url`, where that one holds none.")] = ""
    database_password: Annotated[
        str, Meta(description="The password for `database_url`, where that one names a role only.")
    ] = ""
    role_password_dir: Annotated[
        str,
        Meta(
            description="For `migrate`: the directory where a file named for each service holds the password of its "
            "role; without it, those of the data directory are taken."
        ),
    ] = ""
    public_url: Annotated[str, Meta(description="How visitors reach the gateway; short links begin with it.")] = (
        "http://127.0.0.1:8080"
    )
    own_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Further host names that lead to this gateway, separated by commas. At other names than these, "
            "that of `public_url`, addresses and names without a dot, only the links of a verified domain are found."
        ),
    ] = ()

    # The process itself
    process_name: Annotated[str, Meta(description="The name of this process in logs and lists.")] = "waypost"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important messages that are logged.")
    ] = "info"
    log_format: Annotated[
        Literal["json", "text"], Meta(description="One JSON object a line for machines, or plain lines for people.")
    ] = "json"
    access_log: Annotated[
        Literal["off", "errors", "all"],
        Meta(
            description="Which requests get a line of their own: those that end in an error of ours, or all; then "
            "each question that a service answers gets one, too. Redirects out of memory never get one."
        ),
    ] = "errors"
    time_scale: Annotated[
        float, Meta(gt=0, description="Divides long waits (windows, retention), so that hours can be tried in seconds.")
    ] = 1.0
    stop_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a stopping process may finish what it has begun.")
    ] = 10.0

    stop_notice_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long a stopping gateway goes on taking requests while /readyz says 503, so that balancers "
            "see it before they meet a closed door.",
        ),
    ] = 0.0

    metrics_host: Annotated[
        str, Meta(description="The address at which each process listens for whoever watches it.")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        int,
        Meta(
            ge=-1,
            le=65535,
            description="The port of /metrics, /livez and /readyz of each process, 0 for any free one; -1: none. "
            "With `waypost up` the first of a row of ports, one for each process.",
        ),
    ] = -1
    metrics_fd: Annotated[
        int,
        Meta(ge=-1, description="An open listening socket from the supervisor, used instead of that port; -1: none."),
    ] = -1
    metrics_connections: Annotated[
        int, Meta(ge=1, description="Connections to that port at the same time; more are closed at once.")
    ] = 16
    metrics_probe_seconds: Annotated[
        float, Meta(ge=0, description="So long numbers serve that were asked of the servers for an earlier reader.")
    ] = 5.0
    metrics_probe_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a reader of the metrics waits for such numbers at most.")
    ] = 1.0

    traces: Annotated[
        Literal["off", "otlp"],
        Meta(
            description="Whether requests are traced through all processes; `otlp` needs the extra `waypost[traces]` "
            "and sends the traces where the standard OTEL_EXPORTER_OTLP_… variables say."
        ),
    ] = "off"
    traces_flush_seconds: Annotated[
        float, Meta(gt=0, description="How long a stopping process may send the traces that it still has.")
    ] = 2.0

    # The bus
    ask_timeout_seconds: Annotated[float, Meta(gt=0, description="The deadline of a question that names no other.")] = (
        2.0
    )
    bus_concurrency: Annotated[
        int, Meta(ge=1, description="Questions that one service copy answers at the same time.")
    ] = 256
    bus_backlog: Annotated[
        int, Meta(ge=0, description="Questions that may wait for a free place before the service says that it is full.")
    ] = 1024
    bus_reconnect_wait_seconds: Annotated[
        float, Meta(gt=0, description="The pause between two attempts to reach NATS again; there is no last attempt.")
    ] = 0.25
    bus_pulse_seconds: Annotated[
        float, Meta(gt=0, description="The pause between two looks of a gateway whether NATS answers.")
    ] = 0.5
    bus_pulse_patience_seconds: Annotated[
        float, Meta(gt=0, description="How long NATS may take to answer such a look before it counts as hung.")
    ] = 2.0
    stream_replicas: Annotated[
        int, Meta(ge=1, le=5, description="Servers of a NATS cluster that keep each stream; 1 without a cluster.")
    ] = 1
    listen_retry_seconds: Annotated[
        float, Meta(gt=0, description="When a fact that could not be taken in is offered again; doubles every time.")
    ] = 1.0
    listen_retry_most_seconds: Annotated[
        float, Meta(gt=0, description="The longest pause before such a fact is offered again.")
    ] = 60.0

    # The database
    database_pool_size: Annotated[int, Meta(ge=1, description="Connections that one service copy opens at most.")] = 8
    database_acquire_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a question waits for a free connection.")
    ] = 1.0
    database_statement_timeout_seconds: Annotated[
        float, Meta(gt=0, description="The longest statement of a service; a role setting.")
    ] = 5.0
    database_gathered_statements: Annotated[
        int, Meta(ge=1, description="Statements for many questions of one kind that run at the same time.")
    ] = 2
    database_gathered_questions: Annotated[
        int,
        Meta(
            ge=1,
            description="Questions that one such statement answers at most: few enough that the next is under way "
            "while the answers of one go out.",
        ),
    ] = 8
    database_gathered_writes: Annotated[
        int, Meta(ge=1, description="Writes of one kind that share a transaction, and so a commit, at most.")
    ] = 32
    outbox_poll_seconds: Annotated[
        float, Meta(gt=0, description="How often the outbox is looked at when nothing has announced a new fact.")
    ] = 1.0
    outbox_batch: Annotated[int, Meta(ge=1, description="Facts published at a time.")] = 200
    secret_key: Annotated[
        str,
        Meta(
            description="Seals the secrets in the database that must be read again; the same for all services, at "
            "least 32 random characters, kept apart from the database and its backups. With another key, what was "
            "sealed before cannot be read any more."
        ),
    ] = ""
    idempotency_keep_seconds: Annotated[
        float, Meta(gt=0, description="How long the answer to a write with an idempotency key is kept.")
    ] = 86_400.0
    idempotency_wait_seconds: Annotated[
        float, Meta(gt=0, description="How long a repeated write waits while the first one is still at work.")
    ] = 0.9
    events_keep_seconds: Annotated[float, Meta(gt=0, description="How long the event stream keeps what happened.")] = (
        7 * 86400.0
    )
    passing_stream_bytes: Annotated[
        int, Meta(ge=65536, description="The stream of what is kept only until its listener has taken it in.")
    ] = 1_073_741_824

    # The gateway's front
    listen_host: Annotated[str, Meta(description="The address the gateway listens on.")] = "127.0.0.1"
    listen_port: Annotated[int, Meta(ge=0, le=65535, description="The gateway's port.")] = 8080
    listen_fd: Annotated[
        int,
        Meta(ge=-1, description="An open listening socket from the supervisor, used instead of the port; -1: none."),
    ] = -1
    gateway_workers: Annotated[
        int, Meta(ge=1, description="Gateway processes in all; the local limiter takes its share of a limit from it.")
    ] = 1
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose X-Forwarded-For is believed, e.g. 10.0.0.0/8."),
    ] = ()
    metrics_networks: Annotated[tuple[str, ...], Meta(description="Networks whose clients may read /metrics.")] = (
        "127.0.0.0/8",
        "::1/128",
    )
    body_limit_bytes: Annotated[int, Meta(ge=1, description="The largest request body.")] = 262_144
    body_timeout_seconds: Annotated[float, Meta(gt=0, description="How long a request body may take to arrive.")] = 30.0
    header_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long the request line and headers may take to arrive.")
    ] = 10.0
    keep_alive_seconds: Annotated[
        float,
        Meta(gt=0, description="How long an idle connection stays open; longer than clients and proxies keep theirs."),
    ] = 75.0
    header_limit_bytes: Annotated[int, Meta(ge=1024, description="All headers of a request together.")] = 16_384
    header_limit_count: Annotated[int, Meta(ge=1, description="Headers of a request.")] = 100
    url_limit_bytes: Annotated[int, Meta(ge=256, description="The longest request target.")] = 8_192
    connection_limit: Annotated[
        int,
        Meta(ge=1, description="Connections of one gateway process; whoever comes when there are more is told 503."),
    ] = 10_000
    send_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a client may take before it reads on what it was sent.")
    ] = 30.0

    # Keys at the gateway
    key_cache_entries: Annotated[int, Meta(ge=1, description="Key verdicts that one gateway remembers.")] = 50_000
    key_fresh_seconds: Annotated[
        float, Meta(gt=0, description="A verdict older than this is asked for again before it is used.")
    ] = 4.0
    key_stale_seconds: Annotated[
        float, Meta(gt=0, description="How old a verdict may be when the keys service is away.")
    ] = 30.0
    key_refresh_wait_seconds: Annotated[
        float, Meta(gt=0, description="How long a request waits for a newer verdict while an older one is at hand.")
    ] = 0.25
    key_use_flush_seconds: Annotated[
        float, Meta(gt=0, description="How often a gateway reports which keys were used.")
    ] = 30.0
    key_use_batch: Annotated[int, Meta(ge=1, description="Keys in one report of uses.")] = 5_000
    key_use_entries: Annotated[
        int, Meta(ge=1, description="Keys whose uses one gateway counts until it can report them; others go uncounted.")
    ] = 100_000
    key_days_keep_days: Annotated[
        int, Meta(ge=90, description="How long it is kept how often a key was used on a day.")
    ] = 100

    # Limits
    limit_address_per_minute: Annotated[
        int, Meta(ge=0, description="Requests of one address without a valid key; 0 switches the layer off.")
    ] = 600
    limit_address_keyed_per_minute: Annotated[
        int, Meta(ge=0, description="Requests of one address with a valid key; 0 switches the layer off.")
    ] = 6_000
    limit_user_per_hour: Annotated[
        int, Meta(ge=0, description="Requests of one user over all workspaces; 0 switches the layer off.")
    ] = 20_000
    limit_misses_per_minute: Annotated[
        int, Meta(ge=0, description="Unknown short codes one address may try; 0 switches the layer off.")
    ] = 60
    limit_passwords_per_minute: Annotated[
        int, Meta(ge=0, description="Passwords one address may try at one link; 0 switches the layer off.")
    ] = 10
    limit_pages_per_minute: Annotated[
        int, Meta(ge=0, description="Bio and link pages one address may open; 0 switches the layer off.")
    ] = 600
    limit_budget_seconds: Annotated[
        float,
        Meta(gt=0, description="How long a decision may take, once Valkey has failed, before it is made locally."),
    ] = 0.02
    limit_patience_seconds: Annotated[
        float, Meta(gt=0, description="The same, as long as Valkey has not failed: a busy machine is no failure.")
    ] = 0.25
    limit_breaker_failures: Annotated[
        int, Meta(ge=1, description="Failed round trips in a row after which Valkey is left alone for a while.")
    ] = 5
    limit_breaker_slow_answers: Annotated[
        int, Meta(ge=1, description="Answers in a row past the budget after which Valkey is left alone, too.")
    ] = 100
    limit_breaker_seconds: Annotated[
        float, Meta(gt=0, description="How long Valkey is left alone before it is tried again.")
    ] = 1.0
    limit_connections: Annotated[
        int, Meta(ge=1, description="Connections to Valkey, each with one round trip of decisions under way.")
    ] = 4
    limit_connection_timeout_seconds: Annotated[
        float, Meta(gt=0, description="A connection to Valkey that is silent for so long is given up.")
    ] = 1.0
    limit_queue_calls: Annotated[
        int, Meta(ge=1, description="Calls that wait for one round trip; past it the local limiter decides.")
    ] = 1_024
    limit_local_entries: Annotated[int, Meta(ge=1, description="Counters the local limiter keeps at most.")] = 100_000

    request_timeout_seconds: Annotated[float, Meta(gt=0, description="How long one API request may take in all.")] = 5.0

    # Redirects
    redirect_cache_entries: Annotated[int, Meta(ge=1, description="Short codes that one gateway remembers.")] = 200_000
    redirect_fresh_seconds: Annotated[
        float, Meta(gt=0, description="An entry older than this is asked for again, in case a message was lost.")
    ] = 60.0
    redirect_stale_seconds: Annotated[
        float, Meta(gt=0, description="How old an entry may be when the links service is away.")
    ] = 86_400.0
    redirect_in_use_seconds: Annotated[
        float, Meta(ge=0, description="How long after its last visitor an entry is still renewed before it is old.")
    ] = 600.0
    redirect_miss_seconds: Annotated[
        float, Meta(gt=0, description="How long an unknown short code stays remembered as unknown.")
    ] = 30.0
    redirect_refresh_wait_seconds: Annotated[
        float, Meta(gt=0, description="How long a visitor waits for fresh news of a link that is known already.")
    ] = 0.04
    redirect_ask_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a visitor waits for the links service.")
    ] = 0.9

    geoip_path: Annotated[
        str, Meta(description="A MaxMind DB of cities or countries; without it, the registries' countries are used.")
    ] = ""
    geoip_cache_entries: Annotated[int, Meta(ge=1, description="Addresses whose place is remembered.")] = 20_000

    # Links
    links_upkeep_seconds: Annotated[
        float, Meta(gt=0, description="How often ends of links are noted and their tallies brought together.")
    ] = 1.0
    links_search_seconds: Annotated[
        float,
        Meta(gt=0, description="How long a list or search may take before it is refused; less than its asker waits."),
    ] = 1.5
    links_remembered_searches: Annotated[
        int, Meta(ge=1, description="Searches whose total one copy of the service remembers, and corrects by edits.")
    ] = 1_000
    links_edits_corrected: Annotated[
        int, Meta(ge=1, description="With as many edits of links in one workspace a search is counted anew instead.")
    ] = 5_000
    links_edits_kept: Annotated[
        int, Meta(ge=0, description="Edits of links that are kept for such corrections, of all workspaces together.")
    ] = 100_000
    links_edits_kept_seconds: Annotated[
        float, Meta(gt=0, description="How long they are kept: who asks again after that has a search counted anew.")
    ] = 900.0
    links_upkeep_rows: Annotated[int, Meta(ge=1, description="Rows that one step of this upkeep changes.")] = 1_000
    qr_codes_per_link: Annotated[int, Meta(ge=1, le=50, description="QR codes that one link may have.")] = 50
    qr_image_pixels: Annotated[
        int, Meta(ge=256, le=8_192, description="How wide and high a picture of a QR code may be.")
    ] = 4_096
    qr_images_waiting: Annotated[
        int, Meta(ge=1, description="Pictures that one copy of the service draws or is about to; more are refused.")
    ] = 64

    # Domains of workspaces
    domains_most: Annotated[
        int, Meta(ge=1, description="Domains that a workspace has at most, its live and its test ones apart.")
    ] = 100
    domains_dns_servers: Annotated[
        tuple[str, ...], Meta(description="Who is asked whose a domain is, as host:port; empty: the system's.")
    ] = ()
    domains_dns_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long the DNS may take to answer that; less than `request_timeout_seconds`.")
    ] = 1.5
    domains_poll_seconds: Annotated[
        float, Meta(gt=0, description="How often it is looked for domains that are to be looked at without a request.")
    ] = 5.0
    domains_looks_at_once: Annotated[
        int, Meta(ge=1, description="Domains that one copy of the links service then looks at together.")
    ] = 8
    domains_look_seconds: Annotated[
        float,
        Meta(gt=0, description="The shortest pause between two such looks at one domain; they grow with its age."),
    ] = 60.0
    domains_look_most_seconds: Annotated[float, Meta(gt=0, description="The longest pause between two such looks.")] = (
        21_600.0
    )
    domains_look_for_seconds: Annotated[
        float, Meta(gt=0, description="A domain that is older is looked at on request only.")
    ] = 7 * 86_400.0
    domain_cache_entries: Annotated[
        int, Meta(ge=1, description="Hosts of visitors of which one gateway remembers whether they are domains.")
    ] = 10_000

    # Bio pages
    bio_cache_entries: Annotated[int, Meta(ge=1, description="Bio pages that one gateway remembers.")] = 5_000
    bio_fresh_seconds: Annotated[
        float, Meta(gt=0, description="A page older than this is drawn again, in case a message was lost.")
    ] = 10.0
    bio_stale_seconds: Annotated[float, Meta(gt=0, description="How old a page may be when the services are away.")] = (
        3_600.0
    )

    # The click journal
    journal_dir: Annotated[str, Meta(description="Where the gateway's workers keep their journals.")] = (
        ".waypost/journal"
    )
    journal_segment_bytes: Annotated[int, Meta(ge=4096, description="A journal file is closed at this size.")] = (
        16_777_216
    )
    journal_cap_bytes: Annotated[
        int, Meta(ge=4096, description="All journals of one worker; past it the newest clicks are dropped and counted.")
    ] = 1_073_741_824
    journal_sync_seconds: Annotated[float, Meta(gt=0, description="How often the journal is forced to disk.")] = 0.05
    journal_adopt_seconds: Annotated[
        float, Meta(gt=0, description="How often a worker looks for journals of workers that are gone.")
    ] = 10.0
    journal_drain_seconds: Annotated[
        float, Meta(gt=0, description="How long a stopping gateway ships clicks; the rest waits for the next start.")
    ] = 3.0
    ship_batch_clicks: Annotated[int, Meta(ge=1, description="Clicks in one message.")] = 2_000
    ship_batch_bytes: Annotated[int, Meta(ge=1024, description="The size of one message of clicks.")] = 524_288
    ship_interval_seconds: Annotated[float, Meta(gt=0, description="How often the journal is looked at.")] = 0.1
    ship_ack_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long the stream may take to acknowledge a batch.")
    ] = 5.0
    ship_retry_seconds: Annotated[
        float, Meta(gt=0, description="The longest pause before a batch is published once more.")
    ] = 2.0
    clicks_stream_bytes: Annotated[int, Meta(ge=1048576, description="The click stream's cap.")] = 4_294_967_296

    # Analytics
    ingest_batches: Annotated[int, Meta(ge=1, description="Batches of clicks stored in one transaction.")] = 32
    ingest_wait_seconds: Annotated[float, Meta(gt=0, description="How long to wait for the first batch.")] = 1.0
    ingest_ack_wait_seconds: Annotated[
        float, Meta(gt=0, description="After this without an acknowledgement a batch is delivered again.")
    ] = 30.0
    ingest_deliveries: Annotated[
        int, Meta(ge=1, description="Deliveries after which a batch goes to the dead letters.")
    ] = 5
    ingest_retry_seconds: Annotated[
        float, Meta(gt=0, description="The pause before a batch that could not be stored is delivered again.")
    ] = 1.0
    ingest_backoff_seconds: Annotated[
        float,
        Meta(gt=0, description="The longest pause between two attempts while another server is away."),
    ] = 5.0
    clicks_keep_days: Annotated[int, Meta(ge=1, description="How long raw clicks are kept.")] = 90
    batches_keep_days: Annotated[int, Meta(ge=1, description="How long a batch id is remembered.")] = 14
    visitors_keep_days: Annotated[
        int, Meta(ge=1, description="How long after a day it is remembered who came; who comes later counts as new.")
    ] = 2
    values_per_day: Annotated[
        int, Meta(ge=1, description="Values of one dimension that are told apart on a day; the rest is one sum.")
    ] = 300
    values_per_past_day: Annotated[
        int,
        Meta(ge=1, description="The same of a day that is over: the most frequent, and all as frequent as the last."),
    ] = 100
    report_days: Annotated[
        int, Meta(ge=1, description="Days that one report covers at most: a year, and the weeks that stick out of it.")
    ] = 400
    report_hourly_days: Annotated[int, Meta(ge=1, description="Days that a report by hour covers at most.")] = 92
    rollup_rows: Annotated[int, Meta(ge=1, description="Rows of a roll-up that one statement writes.")] = 2_000
    rollup_memory_rows: Annotated[
        int, Meta(ge=1, description="Rows of roll-ups of which it is remembered that they have been written.")
    ] = 100_000
    visits_ahead_days: Annotated[
        int, Meta(ge=1, description="For how many days to come the partitions of raw clicks are made.")
    ] = 3
    client_libraries_are_bots: Annotated[
        bool, Meta(description="Whether an agent that names nothing but an HTTP library, or nothing at all, is a bot.")
    ] = False
    agent_cache_entries: Annotated[int, Meta(ge=1, description="User agents whose reading is remembered.")] = 20_000
    referrer_cache_entries: Annotated[int, Meta(ge=1, description="Referrers whose host is remembered.")] = 20_000
    campaign_cache_entries: Annotated[int, Meta(ge=1, description="Queries whose campaign is remembered.")] = 5_000
    language_cache_entries: Annotated[int, Meta(ge=1, description="Language lists whose first is remembered.")] = 2_000
    housekeeping_seconds: Annotated[
        float, Meta(gt=0, description="How often partitions are made, and what is older than agreed is deleted.")
    ] = 3_600.0
    housekeeping_rows: Annotated[
        int, Meta(ge=1, description="Rows that one statement of the housekeeping deletes.")
    ] = 10_000
    totals_flush_seconds: Annotated[
        float, Meta(gt=0, description="How often totals go back to the links they belong to.")
    ] = 1.0
    totals_batch: Annotated[int, Meta(ge=1, description="Totals in one message.")] = 1_000

    # The live stream of clicks and views
    live_fresh_seconds: Annotated[
        float, Meta(gt=0, description="Visits that are counted later than this are not shown live any more.")
    ] = 60.0
    live_keep_seconds: Annotated[
        float, Meta(gt=0, description="For how long whoever was away may go on where they stopped to watch.")
    ] = 300.0
    live_stream_bytes: Annotated[
        int, Meta(ge=65536, description="The live stream in the memory of the NATS server; past it the oldest goes.")
    ] = 33_554_432
    live_message_events: Annotated[int, Meta(ge=1, description="Clicks and views in one message at most.")] = 100
    live_queue_messages: Annotated[
        int, Meta(ge=1, description="Messages of one analytics copy that wait to be shown; more are left out.")
    ] = 500
    live_heartbeat_seconds: Annotated[
        float, Meta(gt=0, description="After such a silence whoever watches is sent a sign of life.")
    ] = 15.0
    live_poll_seconds: Annotated[
        float, Meta(gt=0, description="How often the live stream is asked again while nothing comes from it.")
    ] = 2.0
    live_forget_seconds: Annotated[
        float, Meta(gt=0, description="How long the NATS server remembers a watcher whose gateway has gone.")
    ] = 10.0
    live_retry_seconds: Annotated[
        float, Meta(gt=0, description="After how long clients are told to come back when a stream has ended.")
    ] = 1.0

    # Webhooks
    webhook_endpoints_most: Annotated[
        int, Meta(ge=1, description="Endpoints that a workspace has at most, its live and its test ones apart.")
    ] = 50
    webhook_intake_facts: Annotated[int, Meta(ge=1, description="Facts that become deliveries in one transaction.")] = (
        200
    )
    webhook_waiting_most: Annotated[
        int, Meta(ge=1, description="Deliveries that wait for one endpoint; what comes past it is dropped and counted.")
    ] = 10_000
    webhook_dropped_most: Annotated[
        int, Meta(ge=0, description="Of the dropped ones, those that are kept for one endpoint to be recovered.")
    ] = 10_000
    webhook_overlap_seconds: Annotated[
        float, Meta(ge=0, description="How long the secret before a rotation goes on signing.")
    ] = 86_400.0
    webhook_batch_seconds: Annotated[
        float, Meta(gt=0, description="How long clicks are gathered for an endpoint that wants them together.")
    ] = 1.0
    webhook_link_seconds: Annotated[
        float, Meta(gt=0, description="How long it is remembered what a clicked link is like.")
    ] = 5.0
    webhook_link_entries: Annotated[int, Meta(ge=1, description="Links of which that is remembered.")] = 10_000
    webhook_keep_seconds: Annotated[
        float, Meta(gt=0, description="How long deliveries are kept, whatever has become of them.")
    ] = 30 * 86_400.0
    webhook_allow_cidrs: Annotated[
        tuple[str, ...],
        Meta(description="Networks where endpoints may be though not public, or this machine's own, e.g. 10.1.0.0/16."),
    ] = ()
    webhook_dns_servers: Annotated[
        tuple[str, ...], Meta(description="Who is asked for the hosts of endpoints, as host:port; empty: the system's.")
    ] = ()
    webhook_check_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long the host of a new endpoint is looked up before it is taken on trust.")
    ] = 1.0
    webhook_connect_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long it may take to look up and reach an endpoint.")
    ] = 5.0
    webhook_timeout_seconds: Annotated[float, Meta(gt=0, description="How long an attempt may take in all.")] = 15.0
    webhook_lease_seconds: Annotated[
        float,
        Meta(gt=0, description="An attempt that is not heard of for so long is made again; longer than it may take."),
    ] = 30.0
    webhook_reply_bytes: Annotated[int, Meta(ge=0, description="So much of a reply is read.")] = 65_536
    webhook_reply_kept_bytes: Annotated[int, Meta(ge=0, description="So much of a reply is kept and shown.")] = 4_096
    webhook_endpoint_attempts: Annotated[
        int, Meta(ge=1, description="Attempts at one endpoint that are under way at the same time.")
    ] = 4
    webhook_attempts: Annotated[
        int,
        Meta(
            ge=1,
            description="The same of one service copy: half of them for endpoints that fail, a quarter a workspace.",
        ),
    ] = 400
    webhook_poll_seconds: Annotated[
        float, Meta(gt=0, description="How often it is looked for what is due when nothing has announced it.")
    ] = 0.25
    webhook_gather_seconds: Annotated[
        float, Meta(ge=0, description="How long attempts that end at about the same time are waited for.")
    ] = 0.002
    webhook_keep_alive_seconds: Annotated[
        float, Meta(gt=0, description="How long a connection to an endpoint is kept for the next message.")
    ] = 1.0
    webhook_retry_after_most_seconds: Annotated[
        float, Meta(ge=0, description="The longest pause that an endpoint may ask for.")
    ] = 3_600.0
    webhook_failing_seconds: Annotated[
        float, Meta(gt=0, description="An endpoint that has failed for so long is disabled.")
    ] = 120 * 3600.0
    webhook_failing_attempts: Annotated[
        int, Meta(ge=1, description="The least failures in a row of an endpoint that is disabled.")
    ] = 20

    # Answers that do not end
    streams_open: Annotated[int, Meta(ge=1, description="Streams that one gateway process keeps open.")] = 500
    streams_per_workspace: Annotated[
        int, Meta(ge=1, description="Of these, those of one workspace; a refusal beyond it is a 429.")
    ] = 20
    streams_per_key: Annotated[int, Meta(ge=1, description="Of these, those of one key; the same.")] = 10
    stream_patience_seconds: Annotated[
        float, Meta(gt=0, description="A reader who takes nothing for so long is disconnected.")
    ] = 10.0
    stream_check_seconds: Annotated[
        float, Meta(gt=0, description="How often it is checked that the keys of open streams are still good.")
    ] = 1.0
    stream_farewell_seconds: Annotated[
        float, Meta(gt=0, description="How long a client has to take the end of a stream before it is cut off.")
    ] = 1.0

    # The embedded stack
    local_start_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a process of the embedded stack may take to answer for the first time.")
    ] = 60.0
    local_server_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a server of the operator's own is waited for at the start.")
    ] = 15.0
    local_free_disk_bytes: Annotated[
        int, Meta(ge=0, description="With less free disk than this the embedded stack does not start.")
    ] = 67_108_864
    local_log_bytes: Annotated[
        int, Meta(ge=4096, description="A log file is put aside at this size; one older file is kept.")
    ] = 10_485_760
    local_nats_store_bytes: Annotated[int, Meta(ge=1048576, description="All streams of the embedded NATS server.")] = (
        17_179_869_184
    )
    local_valkey_memory_bytes: Annotated[
        int, Meta(ge=1048576, description="The memory of the embedded Valkey; past it the counters next to expire go.")
    ] = 268_435_456
    local_postgres_buffer_bytes: Annotated[
        int, Meta(ge=1048576, description="The shared buffers of the embedded PostgreSQL.")
    ] = 67_108_864

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{variable(name)}: Expected a finite number")
        if 0 < len(self.secret_key) < SHORTEST_SECRET_KEY:
            raise ValueError(f"{variable('secret_key')}: Expected at least {SHORTEST_SECRET_KEY} characters")

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in ``environ``; raises `SettingsError` naming the variable that is missing or wrong."""
        told = from_files(environ)
        given: dict[str, object] = {}
        for field in msgspec.structs.fields(cls):
            if value := told.get(variable(field.name), "").strip():
                given[field.name] = _split(value) if isinstance(field.default, tuple) else value
        for server in ("nats", "redis", "database"):
            url, password = given.get(f"{server}_url"), given.get(f"{server}_password")
            if url and password:
                given[f"{server}_url"] = _with_password(str(url), str(password))
        try:
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(_explain(str(error))) from None


def variable(name: str) -> str:
    """The environment variable of a setting: ``nats_url`` → ``WAYPOST_NATS_URL``."""
    return PREFIX + name.upper()


def from_files(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with the values that its ``WAYPOST_…_FILE`` variables point to in their place."""
    told = dict(environ)
    for field in msgspec.structs.fields(Settings):
        name = variable(field.name)
        path = told.pop(name + FROM_FILE, "").strip()
        if not path:
            continue
        if told.get(name, "").strip():
            raise SettingsError(f"{name}: Given twice, here and by {name}{FROM_FILE}")
        told[name] = _content(name + FROM_FILE, path)
    return told


def _content(name: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {path} cannot be read ({error})") from None
    # Where a secret was meant to be, nothing at all is a mistake.
    if not content:
        raise SettingsError(f"{name}: {path} is empty")
    return content


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{place}"))


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _choices(annotated: Any) -> Iterator[str]:
    """The words of a setting that is one of a few."""
    for part in get_args(annotated):
        if isinstance(part, str):
            yield part
        else:
            yield from _choices(part)


_MEANINGS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}


def _explain(message: str) -> str:
    # msgspec says "… - at `$.name`" or "… missing required field `name`"; people know the variable's name.
    for field in msgspec.structs.fields(Settings):
        if f"field `{field.name}`" in message:
            return f"{variable(field.name)}: It has no default, so it has to be given"
        if f"`$.{field.name}`" in message or f"`$.{field.name}[" in message:
            wanted = message.split(" - at ")[0].removesuffix(", got `str`")
            for word, meaning in _MEANINGS.items():
                wanted = wanted.replace(f"`{word}`", meaning)
            if "enum value" in wanted:
                wanted += f"; it is one of {', '.join(_choices(field.type))}"
            return f"{variable(field.name)}: {wanted}"
    return message
