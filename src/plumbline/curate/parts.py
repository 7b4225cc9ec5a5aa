"""Parts of a run's records: which kind one holds, beside columns of the run itself."""

from __future__ import annotations

import pyarrow as pa

from plumbline.records import SCHEMAS, Kind


def kind_of_part(records: pa.Table) -> Kind:
    """The kind of record whose columns a table has, whatever it has beside them.

    Raises:
        ValueError: it has the columns of none.
    """
    names = set(records.schema.names)
    # The schema with the most columns: that of prompts lies within that of safety labels.
    fitting = [kind for kind, schema in SCHEMAS.items() if set(schema.names) <= names]
    if not fitting:
        raise ValueError(f"expected the columns of records, found {records.schema.names}")
    return max(fitting, key=lambda kind: len(SCHEMAS[kind].names))
