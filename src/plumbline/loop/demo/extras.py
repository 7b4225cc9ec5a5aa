"""What the whole loop needs that a plain installation lacks; looked for before anything that needs it is imported."""

from __future__ import annotations

from plumbline.records import require_libraries

_NEEDED = ("jinja2", "matplotlib", "fastapi", "uvicorn", "sqlalchemy", "alembic", "argon2", "prometheus_client")


def require_extras() -> None:
    """Refuse to begin what cannot be ended.

    Raises:
        MissingExtraError: PL-DEM-004, something that collects, serves or reports is not installed.
    """
    require_libraries(
        _NEEDED,
        "PL-DEM-004",
        "plumbline demo",
        expected="the extras that report, collect and serve",
        advice="pip install -c constraints.txt -e '.[report,collect,serve]'; or plumbline demo --data FOLDER, on data of your own",
    )
