"""What a browser may do with a page: run and load what we serve, send nothing elsewhere, put no text into markup."""

from __future__ import annotations

from collections.abc import Mapping


def page_headers(*, frame_ancestors: str = "'none'", form_action: str = "'self'") -> Mapping[str, str]:
    """Of a page; `frame_ancestors` and `form_action` are sources of a content security policy, for the one page that differs."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        f"form-action {form_action}",
        "base-uri 'none'",
        f"frame-ancestors {frame_ancestors}",
        # With these two the browser itself refuses `innerHTML` and its like: texts can only become text nodes.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return {"content-security-policy": "; ".join(policy), "vary": "Cookie"}


PAGE_HEADERS = page_headers()
STATIC_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'",
    "cache-control": "public, max-age=31536000, immutable",
}
"""Of files whose address holds the digest of them all: an address never changes its content."""
