"""Who logs in, and who is let in.

accounts            names and passwords          invitations   links that let somebody in
attempts            failed logins, counted together by all processes
outside_identities  logins of another house      begun_logins  those that went there and are awaited
handed_tokens       tokens that somebody makes for somebody else
arrivals            people who come from elsewhere, such as Prolific    hit_visits   HITs of MTurk that they come for
"""
