"""Does this installation give the scores that others get? The examples by each metric, beside tests/golden.json.

    python benchmarks/golden.py [METRICS...] [--write]

A change of these scores, beyond rounding, is a change of scores that users see, and to be announced as one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

import quals.metrics

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden.json"
NAMES = ("quals", "qags", "factcc", "pmi", "ensemble", "rouge2-precision")
TOLERANCE = 2e-3


@click.command(help=__doc__)
@click.argument("metrics", nargs=-1)
@click.option("--write", is_flag=True, help="Take these scores for golden ones.")
def main(metrics: tuple[str, ...], write: bool) -> None:
    golden = json.loads(GOLDEN.read_text())
    rows = [json.loads(line) for line in (ROOT / "examples" / "news.jsonl").read_text("utf-8").splitlines()]
    differing = []
    for name in metrics or NAMES:
        metric = quals.metrics.load(name)
        found = metric.score([row["document"] for row in rows], [row["summary"] for row in rows], explain=False)
        now: dict[str, Any] = {
            "signature": metric.signature,
            "scores": [score.value and round(score.value, 4) for score in found],
        }
        before = golden.get(name, {"signature": "none", "scores": [None] * len(rows)})
        off = [
            float("inf") if None in both and both != (None, None) else abs((both[0] or 0) - (both[1] or 0))
            for both in zip(now["scores"], before["scores"], strict=True)
        ]
        same = before["signature"] == now["signature"] and max(off) <= TOLERANCE
        differing += [] if same else [name]
        click.echo(f"{name}: {'as golden' if same else 'NOT as golden'}, off by at most {max(off):.4f}")
        if before["signature"] != now["signature"]:
            click.echo(f"  now    {now['signature']}\n  golden {before['signature']}")
        golden[name] = now
    if write:
        GOLDEN.write_text(json.dumps({name: golden[name] for name in NAMES if name in golden}, indent=1) + "\n")
    elif differing:
        sys.exit(1)


if __name__ == "__main__":
    main()
