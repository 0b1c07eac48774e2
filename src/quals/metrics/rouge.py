"""ROUGE (Lin 2004): word overlap with a reference summary, and how much of a summary is copied.

The counting is done by rouge-score-rs, whose numbers equal those of Google's rouge-score. Its words are
runs of a-z and 0-9 after lower-casing; ROUGE-L takes each text as one sequence, without regard to
sentences (``rougeL``, not ``rougeLsum``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quals.errors import MissingExtraError
from quals.metrics.base import Metric
from quals.records import Status, SummaryScore
from quals.signature import signature

if TYPE_CHECKING:
    from rouge_score_rs import RougeScorer
    from rouge_score_rs.tokenizers import DefaultTokenizer


class _Rouge(Metric):
    """What the variants share; a subclass says which n-grams, which measure, and against which text.

    Args:
        stemmer: count words with the same Porter stem as equal, as is usual in summarization papers.

    Raises:
        MissingExtraError: rouge-score-rs is not installed.
    """

    range = (0.0, 1.0)
    variant: ClassVar[str]
    words_needed: ClassVar[int] = 1  # a text with fewer has no n-gram to count
    measure: ClassVar[str] = "fmeasure"
    against: ClassVar[str] = "reference"
    needs_reference = True
    higher = "closer to the reference"

    def __init__(self, *, stemmer: bool = True) -> None:
        self.stemmer = stemmer
        self._scorer, self._tokenizer = _scorer(self.variant, stemmer)

    @property
    def signature(self) -> str:
        """The name, what is compared, the stemmer, and the version of rouge-score-rs."""
        import rouge_score_rs

        settings = {"against": self.against, "stemmer": self.stemmer, "rouge-score-rs": rouge_score_rs.__version__}
        return signature(self.name, settings)

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        targets = documents if self.against == "document" else references or [""] * len(summaries)
        results = [self._obstacle(target, summary) for target, summary in zip(targets, summaries, strict=True)]
        todo = [place for place, result in enumerate(results) if result is None]
        counted = self._scorer.score_batch([targets[i] for i in todo], [summaries[i] for i in todo])
        for place, scores in zip(todo, counted, strict=True):
            value = float(getattr(scores[self.variant], self.measure))
            results[place] = SummaryScore(value, Status.OK, signature=self.signature)
        return [result for result in results if result is not None]

    def _obstacle(self, target: str, summary: str) -> SummaryScore | None:
        """Why this row has no score, or None if it can have one."""
        missing = Status.EMPTY_DOCUMENT if self.against == "document" else Status.NO_REFERENCE
        for text, what, status in ((summary, "summary", Status.EMPTY_SUMMARY), (target, self.against, missing)):
            if not text.strip():
                return self.without(status, f"there is no {what}")
            if _mostly_other_script(text):
                return self.without(Status.UNSUPPORTED_SCRIPT, f"the {what} has few letters of a-z")
            if len(self._tokenizer.tokenize(text)) < self.words_needed:
                return self.without(status, f"the {what} has fewer than {self.words_needed} words")
        return None


class Rouge1(_Rouge):
    """F1 of the words that summary and reference share."""

    name = "rouge1"
    variant = "rouge1"
    meaning = "Overlap of words with the reference summary: 1 is the same words, 0 is none in common."


class Rouge2(_Rouge):
    """F1 of the word pairs that summary and reference share."""

    name = "rouge2"
    variant = "rouge2"
    words_needed = 2
    meaning = "Overlap of word pairs with the reference summary: 1 is the same pairs, 0 is none in common."


class RougeL(_Rouge):
    """F1 of the longest sequence of words that summary and reference have in the same order."""

    name = "rougeL"
    variant = "rougeL"
    meaning = "Longest common word sequence with the reference summary: 1 is the same words in order, 0 none."


class Rouge2Precision(_Rouge):
    """The copying baseline: the share of the summary's word pairs that stand in the document.

    It knows nothing of meaning and yet agrees with people better than several published metrics do, so it
    is what every claim should be compared with.
    """

    name = "rouge2-precision"
    higher = "more consistent"
    variant = "rouge2"
    words_needed = 2
    measure = "precision"
    against = "document"
    needs_reference = False
    meaning = "Share of the summary's word pairs that stand in the document: 1 is all copied, 0 is none."


def _scorer(variant: str, stemmer: bool) -> tuple[RougeScorer, DefaultTokenizer]:
    try:
        from rouge_score_rs import RougeScorer
        from rouge_score_rs.tokenizers import DefaultTokenizer
    except ImportError as error:
        raise MissingExtraError("ROUGE", "agree") from error
    tokenizer = DefaultTokenizer(stemmer)
    return RougeScorer([variant], tokenizer=tokenizer), tokenizer


def _mostly_other_script(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(letter.isascii() for letter in letters) < len(letters)
