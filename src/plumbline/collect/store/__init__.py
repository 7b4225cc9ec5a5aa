"""The store of collected judgements: the only SQL of the program. SQLite by default, Postgres by URL.

    database        Store, transactions            migrating       create_store, open_store, migrate_store
    tables          the tables                     column_types    moments and JSON in a column
    rows            what goes in and comes out     row_maps        from a database row to a frozen row
    studies         studies, guidelines            people          people, tokens, sessions
    participation   consent, qualification         items           entering and reading items
    queue           the order of items, cursors    leasing         take, release, extend
    submission      submit, correct, late ones     splits          items about labels that were split
    assignments     reading assignments            judgements      reading judgements
    conversations   turns and replies              drafts          drafts with versions
    events          the log                        study_log       a study's log in bulk
    finished_work   finished work in bulk          stored_work     all work as it is stored, in bulk
    exported        what left the store            dashboard_rows  what the dashboard reads
    overview        counts of a study              unfillable      places that nobody can fill
    wellbeing       wishes and moods               standing        what a worker's page asks
    webhooks        who is told of what            webhook_rows    their rows
    outbox          what is to be told             deliveries      what became of it
    identity        who comes in: see there        keeping         backup, restore, erasure: see there
    checking        what must hold, checked        judgement_checks, stored_checks, faults   its parts
    failures        every error the store raises

Every function takes a ``Store`` and plain values, gives frozen rows, and is one transaction. Moments are handed in.
"""
