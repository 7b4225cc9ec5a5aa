"""What both HTTP apps need: bounded bodies, tokens, rate limits, security headers, errors as problem documents.

Middleware is pure ASGI: a wrapper of the framework's own kind costs a third of the throughput. Nothing here knows what
is served; no conversation text is logged, and no error quotes what was sent.
"""
