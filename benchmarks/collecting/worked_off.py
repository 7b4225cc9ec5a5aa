"""The end of a study, made at once: most items judged by all the workers they need, the rest by one of them.

By SQL, since 285,000 judgements through the API take an hour. What it leaves is a store as the API leaves one:
`check_store` finds nothing in it.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, text

from benchmarks.collecting.study import MadeStudy
from plumbline.collect.store.database import Store

_PAYLOAD = (
    '{"shown": [0, 1], "verdicts": [{"axis": "helpfulness", "question": "better", "step": 1, "outcome": "first",'
    ' "strength": 4}], "comment": null}'
)

# Who judged what: of the first `done` items everybody needed, of the others one of the first half of the workers.
_PICK = """
CREATE TEMPORARY TABLE picked AS
WITH numbered AS (
    SELECT id, overlap, ROW_NUMBER() OVER (ORDER BY position) - 1 AS n FROM items
    WHERE study_id = {study} AND purpose = 'work' AND open_slots = overlap
), crew AS (
    SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS n FROM people WHERE role = 'worker'
), places AS ({places})
SELECT numbered.id AS item_id, numbered.overlap AS overlap, crew.id AS worker_id, places.slot AS slot
FROM numbered
JOIN places ON places.slot < CASE WHEN numbered.n < {done} THEN numbered.overlap ELSE 1 END
JOIN crew ON crew.n = CASE WHEN numbered.n < {done} THEN (numbered.n * numbered.overlap + places.slot) % {crew}
                           ELSE numbered.n % {half} END
"""

_FILL = (
    "INSERT INTO assignments (study_id, item_id, purpose, overlap, slot, worker_id, state, fence, leased_at, expires_at,"
    " ended_at) SELECT {study}, item_id, 'work', overlap, slot, worker_id, 'submitted', 1, {at}, {at} + 60000000, {at}"
    " FROM picked",
    "INSERT INTO judgements (study_id, item_id, assignment_id, worker_id, part, kind, payload, guidelines_version,"
    " idempotency_key, seconds, created_at)"
    " SELECT study_id, item_id, id, worker_id, 'pair', 'pair', '{payload}', 1, 'before-' || id, 12.5, {at}"
    " FROM assignments WHERE leased_at = {at}",
    "INSERT INTO requests (worker_id, idempotency_key, assignment_id, body_sha256, receipt, created_at)"
    ' SELECT worker_id, idempotency_key, assignment_id, \'-\', \'{{"outcome": "accepted", "judgement_ids": [\' || id ||'
    ' \'], "answer": {{"finished": true}}}}\', {at} FROM judgements WHERE created_at = {at}',
    "INSERT INTO events (at, kind, study_id, person_id, item_id, assignment_id, payload)"
    " SELECT {at}, 'leased', study_id, worker_id, item_id, id, '{{\"fence\": 1, \"slot\": ' || slot || '}}'"
    " FROM assignments WHERE leased_at = {at}",
    "INSERT INTO events (at, kind, study_id, person_id, item_id, assignment_id, payload)"
    " SELECT {at}, 'submitted', study_id, worker_id, item_id, assignment_id, '{{\"fence\": 1, \"judgements\": [' || id ||"
    " ']}}' FROM judgements WHERE created_at = {at}",
    "INSERT INTO tallies (worker_id, study_id, purpose, submitted)"
    " SELECT worker_id, {study}, 'work', COUNT(*) FROM picked WHERE true GROUP BY worker_id"
    " ON CONFLICT (study_id, worker_id, purpose) DO UPDATE SET submitted = tallies.submitted + excluded.submitted",
    "UPDATE items SET open_slots = open_slots - (SELECT COUNT(*) FROM assignments WHERE item_id = items.id)"
    " WHERE id IN (SELECT item_id FROM picked)",
    "DROP TABLE picked",
)


def work_off(store: Store, study: MadeStudy, *, share: float, overlap: int) -> int:
    """Has `share` of the items that nobody had yet judged, and each of the rest by one worker; how many judgements are.

    Args:
        share: of items that need nobody any more.
        overlap: the study's.
    """

    def work(connection: Connection) -> int:
        """Within one transaction: all of it."""
        items = connection.execute(text("SELECT COUNT(*) FROM items")).scalar_one()
        crew = len(study.workers)
        values = {
            "study": study.study_id,
            "done": int(items * share),
            "crew": crew,
            "half": max(1, crew // 2),
            "places": " UNION ALL ".join(f"SELECT {slot} AS slot" for slot in range(overlap)),
            "at": time.time_ns() // 1000,
            "payload": _PAYLOAD,
        }
        for statement in (_PICK, *_FILL):
            sql = statement.format(**values)
            connection.exec_driver_sql(sql if store.is_sqlite else sql.replace("%", "%%"))
        return int(connection.execute(text("SELECT COUNT(*) FROM judgements")).scalar_one())

    count = store.write(work)
    if not store.is_sqlite:
        # As autovacuum does within a minute of such a change.
        store.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    return count
