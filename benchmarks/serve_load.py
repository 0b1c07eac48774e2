"""Load on a running `quals serve`: is a request lost, is an answer wrong, how long does one take?

    quals serve --port 8017 &
    python benchmarks/serve_load.py http://127.0.0.1:8017 --clients 1 8 32 200 --seconds 60

First every pair of texts is scored alone; then clients send them again, all at once, each its next as soon
as it has an answer. An answer must equal the first one or be a clear refusal (429 or 503 with Retry-After,
which the client obeys, or 504); anything else is lost or wrong.
"""

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

DOCUMENT = (
    "The mayor of Rivermouth, Ana Petrov, resigned on Tuesday after an inquiry found that the city had paid "
    "4.2 million crowns for a bridge that was never finished. Her deputy, Tomas Hale, will lead the council "
    "until an election in September. The inquiry, which began in January, heard from 31 witnesses."
)
SUMMARIES = [
    "Ana Petrov resigned over a bridge that was never finished.",
    "The mayor was arrested on Friday.",
    "Tomas Hale will lead the council until September.",
    "The city paid 42 million crowns for a bridge.",
    "The inquiry heard from 31 witnesses.",
    "The election is in December.",
    "The mayor of Rivermouth resigned after an inquiry.",
    "Tomas Hale won the election.",
]


@dataclass
class Result:
    """What happened to the requests of one run; seconds are those of the right answers."""

    clients: int
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    took: float = 0.0

    def __str__(self) -> str:
        line = f"{self.clients:4d} clients, {self.took:.0f} s: {self.right} right, {self.refused} refused, "
        line += f"{len(self.wrong)} wrong, {len(self.lost)} lost"
        if len(self.seconds) > 1:
            cuts = statistics.quantiles(self.seconds, n=100)
            line += f"; {self.right / self.took:.1f}/s; latency median {cuts[49]:.3f} s, p95 {cuts[94]:.3f} s"
        return line


def answers(url: str, rows: list[dict[str, str]], *, token: str = "") -> list[float | None]:
    """The score of each row, asked for one after the other."""
    with httpx.Client(base_url=url, headers=_headers(token), timeout=300) as http:
        return [http.post("/v1/score", json=row).raise_for_status().json()["score"] for row in rows]


def load(
    url: str,
    *,
    clients: int,
    seconds: float,
    rows: list[dict[str, str]],
    expected: list[float | None],
    token: str = "",
) -> Result:
    """Run ``clients`` at once for some seconds."""
    return asyncio.run(_load(url, clients, seconds, rows, expected, token))


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


async def _load(
    url: str, clients: int, seconds: float, rows: list[dict[str, str]], expected: list[float | None], token: str
) -> Result:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, headers=_headers(token), limits=limits, timeout=900) as http:
        result, started = Result(clients), time.perf_counter()
        deadline = started + seconds
        workers = (_client(http, number, rows, expected, deadline, result) for number in range(clients))
        await asyncio.gather(*workers)
        result.took = time.perf_counter() - started
    return result


async def _client(
    http: httpx.AsyncClient,
    first: int,
    rows: list[dict[str, str]],
    expected: list[float | None],
    deadline: float,
    result: Result,
) -> None:
    place = first
    while place == first or time.perf_counter() < deadline:  # each asks at least once
        row, place = place % len(rows), place + 1
        started = time.perf_counter()
        try:
            answer = await http.post("/v1/score", json=rows[row])
        except httpx.HTTPError as error:
            result.lost.append(repr(error))
            continue
        if answer.status_code == 504:
            result.refused += 1
        elif answer.status_code in (429, 503) and "Retry-After" in answer.headers:
            result.refused += 1
            await asyncio.sleep(min(float(answer.headers["Retry-After"]), max(0, deadline - time.perf_counter())))
        elif answer.status_code == 200 and _same(answer.json()["score"], expected[row]):
            result.right += 1
            result.seconds.append(time.perf_counter() - started)
        else:
            result.wrong.append(f"{answer.status_code} {answer.text[:200]}, expected {expected[row]}")


def _same(one: float | None, other: float | None) -> bool:
    # The company a row has in its batch may change the last bits of a sum.
    return one == other if one is None or other is None else abs(one - other) < 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 200])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--token", default="")
    parser.add_argument("--rows", help="JSONL with document and summary; default: eight short ones")
    options = parser.parse_args()
    rows = [{"document": DOCUMENT, "summary": summary} for summary in SUMMARIES]
    if options.rows:
        read = map(json.loads, Path(options.rows).read_text(encoding="utf-8").splitlines())
        rows = [{"document": row["document"], "summary": row["summary"]} for row in read]
    expected = answers(options.url, rows, token=options.token)
    for clients in options.clients:
        result = load(
            options.url, clients=clients, seconds=options.seconds, rows=rows, expected=expected, token=options.token
        )
        print(result, *result.wrong[:3], *result.lost[:3], sep="\n", flush=True)


if __name__ == "__main__":
    main()
