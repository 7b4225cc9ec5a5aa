"""How people come in.

logging_in  by name and password, and out       inviting  by a link
passwords   which may be, and their hashes      names     which may be
openid      by another house: see there         failures  what these uses refuse
arriving    from elsewhere, such as Prolific    visits    when such a visit is complete
hit_codes   completion codes of HITs            hit_results  what MTurk says was handed in    hit_question  a HIT's XML
"""
