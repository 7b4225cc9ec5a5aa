"""The store of collected judgements: the only SQL of the program. SQLite by default, Postgres by URL.

    database        Store, transactions            migrating       create_store, open_store, migrate_store
    studies         studies, guidelines            people          people, tokens
    participation   consent, qualification         items           entering and reading items
    leasing         take, release, extend          submission      submit, correct, late submissions
    assignments     reading assignments            judgements      reading judgements
    conversations   turns and replies
    drafts          drafts with versions           events          the log
    finished_work   finished work in bulk          study_log       a study's log in bulk
    exported        what left the store            overview        counts for who looks after a study
    wellbeing       wishes and moods               standing        what a worker's page asks
    identity        who comes in: see there        keeping         backup, restore, erasure: see there
    checking        what must hold, checked        failures        every error the store raises
    rows            what goes in and comes out

Every function takes a ``Store`` and plain values, gives frozen rows, and is one transaction. Moments are handed in.
"""
