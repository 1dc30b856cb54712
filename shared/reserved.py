"""Words that visitors' paths must never shadow: the first path segments that belong to the gateway itself."""

# A test holds this against the gateway's route table; services cannot see that table, but must refuse these as slugs.
FIRST_SEGMENTS = frozenset(
    {
        ".well-known",
        "admin",
        "api",
        "apple-touch-icon",
        "assets",
        "console",
        "dashboard",
        "docs",
        "favicon",
        "favicon.ico",
        "health",
        "healthz",
        "livez",
        "login",
        "logout",
        "metrics",
        "openapi",
        "qr",
        "readyz",
        "robots",
        "robots.txt",
        "signup",
        "sitemap",
        "sitemap.xml",
        "static",
        "v1",
        "well-known",
    }
)


def is_reserved(word: str) -> bool:
    """Upper and lower case do not matter: ``/Console`` must not be anybody's link either."""
    return word.lower() in FIRST_SEGMENTS
