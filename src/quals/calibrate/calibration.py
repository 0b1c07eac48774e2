"""What a calibration is, how it is applied, and how it is stored."""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from quals.calibrate.language import looks_english
from quals.errors import InputError
from quals.folders import shipped_files
from quals.io.files import write_whole
from quals.records import CUTS, Band, Reading
from quals.signature import comparable
from quals.texts import Composed

FILE_NAME = "calibration.json"  # beside a model's weights
_LATER = ("shortest", "longest", "english", "positive_from")  # fields that older files lack


@dataclass(frozen=True)
class Logistic:
    """p = 1 / (1 + exp(-(slope * score + intercept))) (Platt 1999)."""

    method: ClassVar[str] = "logistic"
    slope: float
    intercept: float

    def __call__(self, score: float) -> float:
        """The probability of consistency, 0..1."""
        z = self.slope * score + self.intercept
        # Two forms of one formula: exp never gets a large positive argument.
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


@dataclass(frozen=True)
class Isotonic:
    """A non-decreasing curve through knots, straight between them and level beyond (Zadrozny and Elkan 2002)."""

    method: ClassVar[str] = "isotonic"
    scores: tuple[float, ...]  # rising
    probabilities: tuple[float, ...]  # not falling

    def __call__(self, score: float) -> float:
        """The probability of consistency, 0..1."""
        place = bisect.bisect_left(self.scores, score)
        if place == 0:
            return self.probabilities[0]
        if place == len(self.scores):
            return self.probabilities[-1]
        left, right = self.scores[place - 1], self.scores[place]
        share = (score - left) / (right - left)
        low, high = self.probabilities[place - 1], self.probabilities[place]
        return low + share * (high - low)


@dataclass(frozen=True)
class Calibration:
    """A curve from scores to probabilities, and everything needed to judge how far to trust it.

    Attributes:
        curve: the fitted curve.
        signature: of the scores it was fitted on; it reads no others.
        data: names of the labelled data.
        rows: labelled scores it was fitted on.
        base_rate: mean label, 0..1; what one would say of a summary without looking at its score.
        folds: of the cross-validation behind the figures that follow.
        brier: mean squared error of the probability on rows it was not fitted on; lower is better.
        brier_base_rate: the same for always saying the base rate.
        log_loss: mean negative log-likelihood (natural log) on rows it was not fitted on; lower is better.
        reliability: for each tenth of the probabilities, the mean predicted and observed, and the rows.
        shortest: characters of the shortest document of its data, 0 if that is not known; of shorter
            ones it says nothing.
        longest: characters of the longest, 0 if that is not known; of longer ones it says nothing either.
        english: whether most of its documents looked English; of others it then says nothing.
        positive_from: labels of at least this were taken as 1, others as 0; None if they were taken as they are.
    """

    curve: Logistic | Isotonic
    signature: str
    data: tuple[str, ...]
    rows: int
    base_rate: float
    folds: int
    brier: float
    brier_base_rate: float
    log_loss: float
    reliability: tuple[dict[str, float], ...] = ()
    shortest: int = 0
    longest: int = 0
    english: bool = False
    positive_from: float | None = None

    def read(self, score: float, signature: str) -> Reading:
        """The probability that a summary with this score is consistent, and its band.

        Raises:
            InputError: the score was made by another metric, model or settings (the package's version may differ).
        """
        self.check(signature)
        probability = self.curve(score)
        return Reading(probability, Band.of(probability))

    def apply(self, score: float | None, signature: str, document: str) -> Reading | None:
        """What it says of a score; None without one, for one made in another way, and where there is an objection."""
        if score is None or not self.fits(signature) or self.objection(document):
            return None
        return self.read(score, signature)

    def knowing(self, documents: Sequence[str]) -> Calibration:
        """With ``shortest``, ``longest`` and ``english`` as these documents say, those of its data."""
        texts = [Composed(document).text for document in documents]
        english = sum(map(looks_english, texts))
        lengths = [len(text) for text in texts]
        return replace(self, shortest=min(lengths), longest=max(lengths), english=2 * english > len(texts))

    def fits(self, signature: str) -> bool:
        """Whether scores with this signature are its to read."""
        return comparable(self.signature, signature)

    def objection(self, document: str) -> str:
        """Why it says nothing of summaries of this document; "" if it does."""
        document = Composed(document).text  # as it was scored
        if len(document) < self.shortest:
            return f"the document is shorter than any that the calibration knows ({self.shortest} characters)"
        if self.longest and len(document) > self.longest:
            return f"the document is longer than any that the calibration knows ({self.longest} characters)"
        if self.english and not looks_english(document):
            return "the document does not look English, as those do that the calibration knows"
        return ""

    def check(self, signature: str) -> None:
        """Raise the error `read` would for scores with this signature."""
        if not self.fits(signature):
            raise InputError(
                f"this calibration belongs to {self.signature!r}, not to {signature!r}: "
                "run 'quals calibrate' on labelled scores made with these settings"
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"method": self.curve.method, **asdict(self), "bands": {"cuts": CUTS, "names": [*map(str, Band)]}}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Calibration:
        """Inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: a value is missing or of the wrong kind.
        """
        curve = values["curve"]
        known = {field.name: values[field.name] for field in fields(cls) if field.name not in _LATER}
        if values["method"] == Logistic.method:
            known["curve"] = Logistic(float(curve["slope"]), float(curve["intercept"]))
            numbers = [known["curve"].slope, known["curve"].intercept]
        elif values["method"] == Isotonic.method:
            scores, probabilities = (tuple(map(float, curve[name])) for name in ("scores", "probabilities"))
            if not scores or len(scores) != len(probabilities) or any(a >= b for a, b in pairwise(scores)):
                raise ValueError("its knots are not as many rising scores as probabilities")
            known["curve"], numbers = Isotonic(scores, probabilities), [*scores, *probabilities]
        else:
            raise ValueError(f"unknown method {values['method']!r}")
        if not all(map(math.isfinite, numbers)):
            raise ValueError("its curve has values that are no finite numbers")
        known |= {"data": tuple(values["data"]), "reliability": tuple(values["reliability"])}
        shortest, longest = (int(values.get(name, 0)) for name in ("shortest", "longest"))
        english, divided = bool(values.get("english", False)), values.get("positive_from")
        positive_from = None if divided is None else float(divided)
        return cls(**known, shortest=shortest, longest=longest, english=english, positive_from=positive_from)

    def save(self, path: str | Path) -> None:
        """Write it as JSON.

        Raises:
            QualsError: the file cannot be written.
        """
        write_whole(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what `save` wrote.

        Raises:
            InputError: the file cannot be read, or is no calibration.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
        except json.JSONDecodeError as error:
            raise InputError(f"not a calibration: not JSON from line {error.lineno} on", file=str(path)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a calibration: {error!r}", file=str(path)) from error


def shipped(signature: str) -> Calibration | None:
    """The calibration that comes with the package for scores of this very signature, if there is one."""
    found = map(Calibration.load, shipped_files(FILE_NAME))
    return next((calibration for calibration in found if calibration.fits(signature)), None)
