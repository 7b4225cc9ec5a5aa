"""Keys that open an account: forms that their issuers publish, recognised by prefix and length.

Not covered: passwords in prose, keys without a prefix (any random string could be one).
"""

from __future__ import annotations

import re

from plumbline.curate.personal_data.matching import Family, Match, Matcher

# Anthropic and OpenAI, Amazon, GitHub (classic, fine-grained), Google, Slack, Stripe (live), Hugging Face, GitLab, npm,
# SendGrid; JSON web tokens (RFC 7519: a header and a body in base64url that begin with '{"').
_KEYS = (
    r"sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,200}",
    r"(?:AKIA|ASIA)[A-Z2-7]{16}",
    r"gh[pousr]_[A-Za-z0-9]{36,255}",
    r"github_pat_[A-Za-z0-9_]{36,255}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"xox[abeoprs]-[A-Za-z0-9-]{20,250}",
    r"[rs]k_live_[A-Za-z0-9]{16,250}",
    r"hf_[A-Za-z0-9]{30,60}",
    r"glpat-[A-Za-z0-9_-]{20,60}",
    r"npm_[A-Za-z0-9]{36}",
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
    r"eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{10,2000}",
)
_ANY = "|".join(_KEYS)
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{_ANY})(?![A-Za-z0-9])")
_BLOCK = (
    r"-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,.-]{1,16000}?"
    r"-----END (?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
)


def _is_random(match: Match) -> bool:
    """Made up for a manual are keys that say so, or that repeat one or two characters."""
    value = match[0]
    return "EXAMPLE" not in value and len(set(value[-16:])) > 4 and any(map(str.isdigit, value))


KEYS = Family(
    hint=(
        r"(?-u)sk-[A-Za-z0-9_-]{32}|(?-u)(?:AKIA|ASIA)[A-Z2-7]{16}|(?-u)gh[pousr]_[A-Za-z0-9]{36}|(?-u)github_pat_"
        r"|(?-u)AIza|(?-u)xox[abeoprs]-|(?-u)k_live_|(?-u)hf_[A-Za-z0-9]{30}|(?-u)glpat-|(?-u)npm_[A-Za-z0-9]{36}"
        r"|(?-u)SG\.[A-Za-z0-9_-]{16}|(?-u)eyJ[A-Za-z0-9_-]{10}"
    ),
    region=_ANY.replace("{10,4000}", "+").replace("{10,8000}", "+").replace("{10,2000}", "+"),
    matchers=(Matcher("api-key", _KEY, _is_random),),
)
KEY_BLOCKS = Family(
    hint="PRIVATE KEY", region=_BLOCK.replace("{1,16000}?", "+?"), matchers=(Matcher("api-key", re.compile(_BLOCK)),)
)
