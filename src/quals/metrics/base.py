"""What every metric is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, overload

from quals.calibrate.calibration import Calibration, shipped
from quals.doubts import doubts
from quals.errors import InputError
from quals.io.values import described, joined_passages
from quals.records import Status, SummaryScore
from quals.settings import Settings
from quals.texts import Composed


class Metric(ABC):
    """Scores summaries against their documents, or references; higher is always better.

    A subclass sets ``name`` (as on the command line), ``range`` (lowest and highest possible value) and
    ``meaning`` (one plain sentence on what the number means), perhaps what ``higher`` is, and implements `signature`
    and `_score`.
    Its scores may depend on references only where ``needs_reference`` is true.
    """

    name: ClassVar[str]
    range: ClassVar[tuple[float, float]]
    meaning: ClassVar[str]
    higher: ClassVar[str] = "more consistent"
    needs_reference: ClassVar[bool] = False
    settings_type: ClassVar[type[Settings] | None] = None  # of the argument ``settings``, if the class has one
    device: str = "cpu"  # what the work is done on, as torch names it; set by metrics that run a model
    workers: int = 1  # processes that share it

    @property
    @abstractmethod
    def signature(self) -> str:
        """How this metric, as set up, makes its numbers (see `quals.signature`)."""

    @cached_property
    def calibration(self) -> Calibration | None:
        """What turns scores into probabilities: the one shipped for these very settings, or None."""
        return shipped(self.signature)

    def calibrate(self, calibration: Calibration) -> None:
        """Turn scores into probabilities with this calibration from now on.

        Raises:
            InputError: it was fitted on scores made in another way.
        """
        calibration.check(self.signature)
        self.calibration = calibration

    @abstractmethod
    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        """One result per row, in order; a row that cannot be scored gets a status, never an exception.

        Unless it is to ``explain``, only the number of pieces of evidence matters: what these take can be left out.
        """

    @overload
    def score(  # type: ignore[overload-overlap]  # a str is a sequence too
        self, documents: str, summaries: str, references: str | None = None, *, explain: bool = True
    ) -> SummaryScore: ...

    @overload
    def score(
        self,
        documents: Sequence[str | list[str]],
        summaries: Sequence[str],
        references: Sequence[str] | None = None,
        *,
        explain: bool = True,
    ) -> list[SummaryScore]: ...

    def score(
        self,
        documents: str | Sequence[str | list[str]],
        summaries: str | Sequence[str],
        references: str | Sequence[str] | None = None,
        *,
        explain: bool = True,
    ) -> SummaryScore | list[SummaryScore]:
        """Score each summary against the document at the same place in ``documents``.

        Give one document and one summary for one result, or two sequences of equal length for a list of
        results in the same order; columns of a table will do. A document with several summaries is given
        once for each; the work on it is done once.

        Args:
            documents, summaries, references: texts; a document among several may be a list of passages, which are read
                as one text, with blank lines between them.
            explain: whether to say what each score rests on; without evidence and doubts, scores come sooner.

        Raises:
            InputError: the sequences differ in length, or hold something other than text.
        """
        if isinstance(documents, str) and isinstance(summaries, str):
            if not isinstance(references, str | None):
                raise InputError("expected one text, as document and summary are", field="references")
            alone = None if references is None else [references]
            return self._scores([documents], [summaries], alone, explain)[0]
        if isinstance(documents, str):
            raise InputError(f"expected one text, as the document is, found {described(summaries)}", field="summaries")
        documents, summaries = listed(documents, "documents"), listed(summaries, "summaries")
        references = None if references is None else listed(references, "references")
        for field, texts in (("summaries", summaries), ("references", references)):
            if texts is not None and len(texts) != len(documents):
                raise InputError(f"{len(texts)} of them for {len(documents)} documents", field=field)
        return self._scores(documents, summaries, references, explain)

    def without(self, status: Status, reason: str) -> SummaryScore:
        """The result of a summary that has no score."""
        return SummaryScore(None, status, reason, signature=self.signature)

    def failed(self, error: BaseException) -> SummaryScore:
        """The result of a summary that this error kept from having a score."""
        return self.without(Status.ERROR, f"{type(error).__name__}: {error}")

    def _scores(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        """`_score` of the texts composed, with all that goes with it and places in the texts as they were given."""
        sources, told = list(map(Composed, documents)), list(map(Composed, summaries))
        known = references and [Composed(text).text for text in references]
        scores = self._score([source.text for source in sources], [summary.text for summary in told], known, explain)
        return [
            _placed(self._read(score, source.text, summary.text, explain), source, summary)
            for score, source, summary in zip(scores, sources, told, strict=True)
        ]

    def _read(self, score: SummaryScore, document: str, summary: str, explain: bool) -> SummaryScore:
        """With the places that the evidence speaks against, and the probability, or a note why there is none."""
        if not explain:
            score = replace(score, evidence=(), evidence_count=score.rests_on)
        elif score.evidence:
            score = replace(score, doubts=doubts(summary, score.evidence, self.range))
        if score.value is None or self.calibration is None or not self.calibration.fits(score.signature):
            return score
        if objection := self.calibration.objection(document):
            return replace(score, reason="; ".join(filter(None, (score.reason, f"no probability: {objection}"))))
        return replace(score, reading=self.calibration.read(score.value, score.signature))


def _placed(score: SummaryScore, document: Composed, summary: Composed) -> SummaryScore:
    """With the places in the texts as they were given."""
    if document.text == document.given and summary.text == summary.given:
        return score
    evidence = (
        replace(
            piece,
            summary_span=piece.summary_span and summary.span(piece.summary_span),
            document_span=piece.document_span and document.span(piece.document_span),
        )
        for piece in score.evidence
    )
    doubted = ((doubt, summary.span(doubt.span)) for doubt in score.doubts)
    return replace(
        score,
        evidence=tuple(evidence),
        doubts=tuple(replace(doubt, span=span, text=span.of(summary.given)) for doubt, span in doubted),
    )


def listed(given: object, field: str) -> list[str]:
    """Texts as a list, whatever sequence or column of a table they come in; passages of ``documents`` joined.

    Raises:
        InputError: they are no sequence of texts.
    """
    if hasattr(given, "to_pylist"):  # a column of Arrow gives values of its own
        given = given.to_pylist()
    # What would give its own names, or no order.
    other = isinstance(given, str | Mapping | Set) or hasattr(given, "columns")
    try:
        texts = [] if other else list(given)  # type: ignore[call-overload]
    except TypeError:
        other = True
    if other:
        raise InputError("expected a sequence of texts; or give one document and one summary", field=field)
    if field == "documents":
        texts = [joined_passages(text) if isinstance(text, list) else text for text in texts]
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"expected texts, found {described(text)} at place {place}", field=field)
    return texts
