"""``quals serve``."""

from __future__ import annotations

from typing import Any

import click

from quals.cli.metrics import load_metrics, one_metric
from quals.cli.options import made_of
from quals.web.settings import ServeSettings

_defaults = ServeSettings()


@click.command()
@click.option("--metric", default="quals", show_default=True, help="Which metric.")
@click.option("--model", help="Which model it uses; default: the metric's own.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps ...")
@click.option("--calibration", metavar="FILE", help="From `quals calibrate`; default: the model's own, if it has one.")
@click.option("--host", default=_defaults.host, show_default=True, help="Other than loopback needs a token.")
@click.option("--port", default=_defaults.port, show_default=True, type=click.IntRange(0, 65535))
@click.option("--token", envvar="QUALS_TOKEN", default="", help="Clients must send it; better as QUALS_TOKEN.")
@click.option("--batch", default=_defaults.batch, show_default=True, help="Most summaries in one call of the metric.")
@click.option("--queue", default=_defaults.queue, show_default=True, help="Most summaries waiting; then 429.")
@click.option("--rows", default=_defaults.rows, show_default=True, help="Most summaries in a request; then 413.")
@click.option("--characters", default=_defaults.characters, show_default=True, help="Longest text; then 413.")
@click.option("--bytes", default=_defaults.bytes, show_default=True, help="Largest request; then 413.")
@click.option("--timeout", default=_defaults.timeout, show_default=True, help="Seconds for a request; then 504.")
def serve(metric: str, model: str | None, device: str, calibration: str | None, **limits: object) -> None:
    """Serve a page where one can paste a document and summaries, and an API (described at /openapi.json).

    Stops on Ctrl-C or SIGTERM when it has finished what it accepted.
    """
    settings, name = made_of(limits, ServeSettings), one_metric(metric)
    from quals.calibrate import Calibration
    from quals.errors import InputError, MissingExtraError

    try:
        from quals.web.app import create_app
        from quals.web.server import Server
    except ImportError as error:
        raise MissingExtraError("quals serve", "serve") from error
    known = Calibration.load(calibration) if calibration else None
    chosen: dict[str, Any] = {"model": model} if model else {}
    (loaded,) = load_metrics(name, (), device=device, **chosen)
    if loaded.needs_reference:
        raise InputError(f"{metric} compares with reference summaries, which are not asked for here", field="--metric")
    if known:
        loaded.calibrate(known)
    app = create_app(loaded, settings)
    click.echo(loaded.signature, err=True)
    Server(app, settings).run()
