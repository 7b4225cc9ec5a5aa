"""E-mail addresses, addresses with a password in them, and public IP addresses.

Reserved for examples, so not found: RFC 2606 and RFC 6761 names (``example.com``, ``.test``, ``.invalid``, ``.localhost``),
RFC 6762 ``.local``; IP addresses that are private, of this machine or for documentation (IANA's special-purpose
registries), and resolvers that everybody uses. Not covered: host names, account names and handles (``@name``).
"""

from __future__ import annotations

import ipaddress
import re

from plumbline.curate.personal_data.matching import Family, Match, Matcher, follows, words

_EMAIL = re.compile(
    r"(?<!\w)\w[\w.+%'-]{0,63}@(?P<domain>(?:[\w-]{1,63}\.){1,8}(?P<top>xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24}|[^\W\d_\u0000-\u024f]{2,24}))(?![\w@-])"
)
# "at" and "dot" in brackets, or in plain words where the name of a mailbox provider stands between them.
_PROVIDERS = "gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|proton|protonmail|gmx|live|msn|yandex"
_SPELLED_WIDE = (
    r"[\w.+-]{1,64} ?(?:\[ ?at ?\]|\( ?at ?\)|\{ ?at ?\}|< ?at ?>) ?[\w-]{1,63}"
    r"(?: ?(?:\[ ?dot ?\]|\( ?dot ?\)|\{ ?dot ?\}|< ?dot ?>|\.| dot ) ?[\w-]{2,63}){1,4}"
    rf"|[\w.+-]{{1,64}} at (?:{_PROVIDERS}) dot [A-Za-z]{{2,4}}"
)
_SPELLED = re.compile(rf"(?<!\w)(?:{_SPELLED_WIDE})(?!\w)", re.IGNORECASE)
_RESERVED_TOPS = frozenset(["example", "test", "invalid", "localhost", "local"])
_RESERVED = re.compile(r"(?:^|\.)example\.(?:com|net|org|edu)$")
# What looks like an address and is a file or a unit of a machine: image@2x.png, getty@tty1.service.
_NOT_TOPS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "css",
        "js",
        "jsx",
        "tsx",
        "json",
        "html",
        "htm",
        "xml",
        "txt",
        "php",
        "exe",
        "dll",
        "pdf",
        "yml",
        "yaml",
        "service",
        "socket",
        "timer",
        "target",
    ]
)
_LOGIN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,20}://"
    r"(?P<found>[^\s/@:\[\]]{1,64}:(?P<password>[^\s/@\[\]]{1,128})@(?P<host>(?:[\w-]{1,63}\.){0,8}[\w-]{1,63}))"
)
_NO_PASSWORD = frozenset(["password", "passwd", "pass", "pwd", "secret", "token", "user", "username", "x-oauth-basic"])
_IPV4 = re.compile(r"(?<![\w.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w)(?![.-]\w)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_IP_SAID = words(r"ip|ips|ipv4|address|server|host|ping|ssh|from")
_VERSION_SAID = words(r"v|ver|versions?|release|build|firmware|driver|section|chapter|clause|rule|article|§")
_RESOLVERS = frozenset(
    [
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "1.0.0.1",
        "9.9.9.9",
        "149.112.112.112",
        "208.67.222.222",
        "208.67.220.220",
        "2001:4860:4860::8888",
        "2001:4860:4860::8844",
        "2606:4700:4700::1111",
        "2606:4700:4700::1001",
        "2620:fe::fe",
    ]
)


def _is_email(match: Match) -> bool:
    top, local = match["top"].lower(), match[0].partition("@")[0]
    if top in _RESERVED_TOPS or top in _NOT_TOPS or local.lower() == "git":
        return False
    return ".." not in local and not local.endswith(".") and not _RESERVED.search(match["domain"].lower())


def _is_spelled(match: Match) -> bool:
    return "example" not in match[0].lower()


def _is_login(match: Match) -> bool:
    host, password = match["host"].lower(), match["password"].lower()
    reserved = host in ("localhost", "127.0.0.1") or host.rpartition(".")[2] in _RESERVED_TOPS
    made_up = password in _NO_PASSWORD or password[0] in "<{$%*" or len(set(password)) == 1
    return not reserved and not made_up and not _RESERVED.search(host)


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and str(address) not in _RESOLVERS


def _is_ipv4(match: Match) -> bool:
    if not _is_public(match[0]) or follows(match, _VERSION_SAID, within=16):
        return False
    # Four small numbers are the number of a version or a section more often than an address.
    return any(len(part) == 3 for part in match[0].split(".")) or follows(match, _IP_SAID)


def _is_ipv6(match: Match) -> bool:
    return match[0].count(":") >= 3 and _is_public(match[0])


EMAILS = Family(hint="@", region=r"[\w.+%'-]+@[\w.-]+", matchers=(Matcher("email", _EMAIL, _is_email),))
SPELLED_EMAILS = Family(
    hint=rf"(?i)[\[({{<] ?at ?[\])}}>]|(?i) at (?:{_PROVIDERS}) dot ",
    region="(?i)" + re.sub(r"\{[12],6[34]\}", "+", _SPELLED_WIDE),  # Rust's engine bounds the size of an expression
    matchers=(Matcher("email", _SPELLED, _is_spelled),),
)
LOGINS = Family(
    hint="://",
    region=r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:\[\]]+:[^\s/@\[\]]+@[\w.-]+",
    matchers=(Matcher("url-with-credentials", _LOGIN, _is_login),),
)
IPV4 = Family(
    hint=r"(?-u)[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
    region=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
    matchers=(Matcher("ip-address", _IPV4, _is_ipv4),),
)
IPV6 = Family(
    hint=r"(?-u)[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:",
    region=r"[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}",
    matchers=(Matcher("ip-address", _IPV6, _is_ipv6),),
)
