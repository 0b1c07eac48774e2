"""News to make claims of."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from quals.factcc.generate import Article

NEWS = [
    "Police arrested three men in Leeds on Monday. They said the men had stolen 40 cars from a Ford factory. "
    "Sarah Jones, who lives in the area, said she was relieved. A second raid in Hull on Friday found nothing. "
    "Detective John Miller thanked the public for its help.",
    "The bank said its profit fell by 12% to £310m last year. Chief executive Anna Berg will leave in March. "
    "Her successor is Tom Field, who ran the German bank's London office until 2011. "
    "Shares in the bank rose 3% after he was named on Tuesday.",
    "Two ships collided near Dover on Sunday. The Maria lost 200 tonnes of oil, and her crew of 12 was rescued. "
    "Captain Erik Lund said he had not seen the other ship. France sent four boats from Calais on Monday.",
]


ARTICLES = [Article(document) for document in NEWS]
RESTATED = Article(
    NEWS[0],
    "Three men were arrested in Leeds by police on Monday. Detective Miller was unhappy and angry with everybody. "
    "A raid in Hull and a second one in Bradford found nothing. "
    "Sarah Jones, who lives in the area, said she was relieved.",
)


def write(path: Path, documents: list[str]) -> Path:
    path.write_text("".join(json.dumps(asdict(Article(document))) + "\n" for document in documents))
    return path
