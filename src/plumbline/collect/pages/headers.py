"""What a browser may do with a page: run and load what we serve, send nothing elsewhere, put no text into markup."""

from __future__ import annotations

from collections.abc import Mapping

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        # With these two the browser itself refuses `innerHTML` and its like: texts can only become text nodes.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
PAGE_HEADERS: Mapping[str, str] = {"content-security-policy": PAGE_POLICY, "vary": "Cookie"}
STATIC_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'",
    "cache-control": "public, max-age=31536000, immutable",
}
"""Of files whose address holds the digest of them all: an address never changes its content."""
