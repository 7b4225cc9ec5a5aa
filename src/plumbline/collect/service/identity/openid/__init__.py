"""Logging in by OpenID Connect: the authorization code flow with PKCE, for one issuer that the server's file names.

settings    the file                     fetching    bounded requests to the issuer
provider    discovery, keys, the exchange of a code            id_tokens   what of an ID token is checked
flow        what a browser keeps between going and coming back
coming_in   going there, coming back, connecting, disconnecting

A subject goes from the ID token into the store, and nowhere else.
"""
