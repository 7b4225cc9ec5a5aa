"""Webhooks: other systems are told what happens.

addresses   which URLs may be told
signing     secrets, and what is signed with them (Standard Webhooks)
waiting     when a message that did not arrive is sent again
managing    what owners do
seeing      who sees which
posting     one message, sent once
"""
