"""x"""

import typer

app = typer.Typer()


@app.command()
def a() -> None: ...
def register(app: typer.Typer) -> None: ...
