"""What happens in a study, one use a file: the store's rows on one side, the kinds' logic on the other.

    collecting      what every use is handed: store, samplers, clock        catalogue     studies by name, read once
    studies         create, pause, close; guidelines                        entering      items from data, from workers
    beginning       a worker's next item                                    held_work     an item in hand, and its step
    drawing         replies: drawn, stored, and only then shown             speaking      the worker's turn
    submitting      a step's answer; correcting                             after_work    what follows from finished work
    giving_back     release, a longer lease                                 qualification training, gold, attention
    people          who may add and block whom                              status        how far a study is
    own_judgements  one's own judgement, looked at again                    writing_checks what reviewers said of writing
    samplers        sources opened once for a study                         failures      what these uses refuse
    upload_bounds   how large a file of items may be                        webhooks      who is told of what: see there
    identity        who comes in, and how: see there                        wellbeing     standing, topics, moods: see there

From a study's folder to a server:

    start_checks    data and sources, looked at first                       starting      study, guidelines, items
    store_places    stores by path or URL                                   handing_out   tokens, at the store's machine
    served_studies  the folders of a server                                 overview      all studies of a store
    public_address  what browsers call a server                             opening       all of it, from an open store
    erasing         a person, and the exports that hold work of theirs

Functions without ``async`` block on the database: call them in a thread. Where a study stands is worked out from what is
stored, each time anew.
"""
