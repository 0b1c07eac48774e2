"""How long it takes until there is a score: the first one of a fresh process, by the library and by the command.

    python benchmarks/start.py -o benchmarks/results/start.json

The parts in turn, each in a process of its own: importing torch and transformers, which nothing of ours can shorten;
the library from `import quals` to the first score; and `quals score` from its call to its end. Beside them both as they
are when Python collects garbage meanwhile, which `quals.garbage` and the command keep it from.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from common import machine, output_option, today, write

DOCUMENT, SUMMARY = "The mayor resigned on 3 May, after a vote in the council.", "The mayor resigned on 4 May."
COLLECT = "import gc; gc.disable = gc.freeze = gc.unfreeze = int; "
TIMED = "import time; started = time.perf_counter(); {}; print(time.perf_counter() - started)"
LIBRARY = TIMED.format(f"import quals; quals.Quals().score({DOCUMENT!r}, {SUMMARY!r})")
COMMAND = "import sys; sys.argv[0] = 'quals'; from quals.cli.main import main; main()"


def seconds(code: str, *arguments: str) -> float:
    """What a fresh process says that it took; with arguments, what it took from start to end."""
    started = time.perf_counter()
    said = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - started if arguments else float(said)


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@output_option
def main(rounds: int, output: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("document.txt", "summary.txt")]
        for file, text in zip(files, (DOCUMENT, SUMMARY), strict=True):
            file.write_text(text, encoding="utf-8")
        scored = ["score", "--document", str(files[0]), "--summary", str(files[1])]
        parts: dict[str, tuple[str, ...]] = {
            "torch and transformers": (TIMED.format("import torch, transformers"),),
            "first score": (LIBRARY,),
            "first score, collecting": (COLLECT + LIBRARY,),
            "command": (COMMAND, *scored),
            "command, collecting": (COLLECT + COMMAND, *scored),
        }
        took: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(1 + rounds):
            for name, part in parts.items():
                took[name].append(seconds(*part))
    took = {name: found[1:] for name, found in took.items()}  # the first round fills the caches
    for name, found in took.items():
        click.echo(f"{name}: {statistics.median(found):.2f} s ({min(found):.2f} to {max(found):.2f})")
    for name in ("first score", "command"):
        ratios = [b / a for a, b in zip(took[name], took[f"{name}, collecting"], strict=True)]
        click.echo(f"{name}: {statistics.median(ratios):.2f} times as fast as when collecting")
    write(output, {"date": today(), "machine": machine(), "seconds": took})


if __name__ == "__main__":
    main()
