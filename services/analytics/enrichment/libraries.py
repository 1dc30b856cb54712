"""The names of program libraries and commands in an agent: they say nothing of who uses them.

The apps and scripts of people have them as crawlers do. So a robot is known by what an agent says besides.
"""

import re

NAMES = (
    # commands
    r"aria2|curl|HTTPie|insomnia|PostmanRuntime|Wget2?|WindowsPowerShell|PowerShell|xh",
    # Python, Perl, PHP, Ruby, Lua
    r"aiohttp|python(?:-requests|-urllib3?|-httpx)?|CPython|httpx|urllib3?|libwww-perl|lwp-(?:request|trivial)|Perl",
    r"HTTP-Tiny|PHP(?:-Curl-Class)?|Guzzle(?:Http)?|Symfony HttpClient|Snoopy|Faraday|Ruby|http\.rb|rest-client",
    r"Typhoeus(?: - https://github\.com/typhoeus/typhoeus)?|LuaSocket",
    # JavaScript
    r"axios|Bun|Deno|got|node|node-fetch|node-superagent|superagent|undici",
    # Java, .NET, Go, Rust, Dart, C
    r"Apache-HttpClient|Apache-HttpAsyncClient|AsyncHttpClient|Jakarta Commons-HttpClient|Java(?:-http-client)?",
    r"okhttp|ReactorNetty|Jersey|RestSharp|WinHttp|Go-http-client|go-resty|fasthttp|hyper|reqwest|ureq|Dart",
    r"libcurl(?:-agent)?|libidn2?|libssh2|NSS|OpenSSL|zlib",
    # load generators, which people use on links of their own
    r"ApacheBench|hey|k6|oha|vegeta|wrk",
)
# Some give the address where they come from, which is no sign of a robot then.
HOMES = (
    r"github\.com/(?:bitinn|node-fetch)/node-fetch|github\.com/sindresorhus/got|github\.com/go-resty/resty",
    r"github\.com/php-curl-class/php-curl-class|k6\.io/",
)
_HOME = rf"\+?https?://(?:{'|'.join(HOMES)})"
_LIBRARY = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(NAMES)})(?:[/ ]v?\d[\w.+-]*)?(?![\w-])"
    rf"(?: \((?:{_HOME}|(?:(?!https?:)[^()@+;])*)\))?",
    re.IGNORECASE | re.ASCII,
)


def without_libraries(user_agent: str) -> str:
    """What is left may be nothing, as of an agent that was never given."""
    return _LIBRARY.sub(" ", user_agent).strip()
