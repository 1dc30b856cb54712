"""The parser's families under the names that people use; what is not here keeps its name."""

from services.analytics.enrichment.facts import UNKNOWN

# Asked before the parser's own patterns, which take these for the browser they are built upon: many people follow
# links without leaving the app that shows them.
APPS = {
    r"\[LinkedInApp\]": "LinkedIn",
    r"\bBarcelona \d": "Threads",
    r"\bKAKAOTALK\b": "KakaoTalk",
    r"\bMicroMessenger/": "WeChat",
    r"\bSnapchat": "Snapchat",
    r"\bVivaldi/": "Vivaldi",
    r"\bMetaIAB Facebook": "Facebook",
}

BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Ecosia Android": "Ecosia",
    "Ecosia iOS": "Ecosia",
    "Edge Mobile": "Edge",
    "Firefox Alpha": "Firefox",
    "Firefox Beta": "Firefox",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "IE": "Internet Explorer",
    "IE Large Screen": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "MiuiBrowser": "Mi Browser",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Opera Mobile": "Opera",
    "Other": UNKNOWN,
    "QQ Browser Mini": "QQ Browser",
    "QQ Browser Mobile": "QQ Browser",
    "WeChat Browser": "WeChat",
}

SYSTEMS = {
    "ATV OS X": "tvOS",
    "Arch Linux": "Linux",
    "CentOS": "Linux",
    "Chromecast Android": "Chromecast",
    "Chromecast Fuchsia": "Chromecast",
    "Chromecast Linux": "Chromecast",
    "Chromecast SmartSpeaker": "Chromecast",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Gentoo": "Linux",
    "Linux Mint": "Linux",
    "Mac OS": "macOS",
    "Mac OS X": "macOS",
    "Mandriva": "Linux",
    "Other": UNKNOWN,
    "Red Hat": "Linux",
    "SUSE": "Linux",
    "Slackware": "Linux",
    "Ubuntu": "Linux",
    "Web0S": "webOS",
}
