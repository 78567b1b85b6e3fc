"""What browsers are told of what our pages may do."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.edge.settings import EdgeSettings


def content_policy(settings: EdgeSettings, *, nonce: str | None = None) -> str:
    """The Content-Security-Policy: our own files and sockets, and nothing inline.

    With a `nonce`, style elements that carry it are let in too.
    """
    base = urlsplit(settings.public_base_url)
    sockets = f"{'wss' if base.scheme == 'https' else 'ws'}://{base.netloc}"
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src {styles}",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {sockets}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
