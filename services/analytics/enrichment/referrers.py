"""Where a visitor came from: the host of the referring page, small enough to be counted.

The prefixes that sites put before the same place for phones or for counting exits go (`www. m. l. …`), every other
subdomain stays: `blog.example.com` is another place than `example.com`, and `t.co` stays what it is.
"""

import re

DIRECT = "Direct"
LONGEST_HOST = 253  # characters, as in the DNS

_PAGE = re.compile(
    r"https?://(?:[^/\\?#@\s]*@)?(?P<host>[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])\.?(?::[0-9]*)?(?:[/?#]|$)",
    re.ASCII,
)
_APP = re.compile(r"android-app://(?P<app>[a-z0-9_]+(?:\.[a-z0-9_]+)*)(?:[/?#]|$)", re.ASCII)
_PREFIX = re.compile(r"(?:www\d?|m|mobile|amp|touch|l|lm|out|away)\.(?=[^.]+\.[^.])", re.ASCII)

# Android apps whose place on the web is known; others are named by their package.
_APPS = {
    "com.facebook.katana": "facebook.com",
    "com.facebook.lite": "facebook.com",
    "com.facebook.orca": "messenger.com",
    "com.google.android.apps.magazines": "news.google.com",
    "com.google.android.gm": "mail.google.com",
    "com.google.android.googlequicksearchbox": "google.com",
    "com.google.android.youtube": "youtube.com",
    "com.instagram.android": "instagram.com",
    "com.linkedin.android": "linkedin.com",
    "com.pinterest": "pinterest.com",
    "com.reddit.frontpage": "reddit.com",
    "com.slack": "slack.com",
    "com.twitter.android": "x.com",
    "com.whatsapp": "whatsapp.com",
    "org.telegram.messenger": "telegram.org",
}


def read_referrer(referrer: str) -> str:
    """A host in lower case, an app's package name, or `DIRECT` when there is none or it makes no sense."""
    text = referrer.strip().lower()
    if page := _PAGE.match(text):
        host = page["host"]
        if len(host) > LONGEST_HOST or ".." in host:
            return DIRECT
        return _PREFIX.sub("", host, count=1) if _PREFIX.match(host) else host
    if app := _APP.match(text):
        return _APPS.get(app["app"], app["app"][:LONGEST_HOST])
    return DIRECT
