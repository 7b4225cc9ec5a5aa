"""Who logs in, and who is let in.

accounts      names and passwords          invitations   links that let somebody in
attempts      failed logins, counted together by all processes
arrivals      people who come from elsewhere, such as Prolific    hit_visits   HITs of MTurk that they come for
"""
