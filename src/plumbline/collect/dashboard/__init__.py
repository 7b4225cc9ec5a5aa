"""What the dashboard tells of a study, as values; pages and the API show them.

answers        a stored judgement in numbers            ledger         a columnar copy of all of them, read on
columns        tables by column that grow               counted        what counts of it
questions      what several people answer               agreement      how far they agree, over time too
comparing      strengths, sides, model against model    distributions  labels, grades, known answers, seconds
progress       queues, days, pace                       workers        a line and a sheet for each
disagreements  items that are judged differently        narrowed       a part of it: one worker, a few items
opened         one item with its texts                  opened_chats   one chat
item_texts     the texts of an item, and one line
figures        all of a study                           snapshot       as of a moment, made in a thread
"""
