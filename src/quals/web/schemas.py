"""What the API takes and gives; the OpenAPI description is made from these."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from quals.io.rows import Sentence
from quals.io.values import described, is_text, joined_passages
from quals.records import Status, SummaryScore


def _whole(text: str) -> str:
    # JSON can spell half of a surrogate pair ("\\ud800"), which no tokenizer and no answer can take.
    if not is_text(text):
        raise ValueError("half of a surrogate pair is not a character")
    return text


def _joined(value: Any) -> Any:
    joined = joined_passages(value)
    if not isinstance(joined, str):
        raise ValueError(f"expected a text or a list of texts, found {described(joined)}")
    return joined


def _name(value: Any) -> str | int | None:
    if isinstance(value, str):
        return _whole(value)
    if value is None or type(value) is int:
        return value
    raise ValueError(f"expected a text or a whole number, found {described(value)}")


Text = Annotated[str, AfterValidator(_whole)]
_ONE = {"type": "string"}
Passages = Annotated[
    Text,
    BeforeValidator(_joined),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE}]}),
]


class Row(BaseModel):
    """A summary and its document."""

    model_config = ConfigDict(extra="forbid", strict=True)

    document: Passages = Field(
        description="The source: a text or the passages it is made of.", examples=["The mayor resigned on 3 May."]
    )
    summary: Text = Field(description="What is said of it.", examples=["The mayor resigned on 4 May."])
    id: Annotated[str | int | None, BeforeValidator(_name)] = Field(
        default=None, description="Comes back with the score."
    )


class BadRow(Row):
    """A row that cannot be read: its texts are empty, and the fault says why."""

    fault: str


def _even_if_bad(value: Any, read: ValidatorFunctionWrapHandler) -> Row:
    if not isinstance(value, dict):
        return BadRow(document="", summary="", fault=f"expected an object, found {described(value)}")
    try:
        return cast(Row, read(value))
    except ValidationError as error:
        errors = error.errors()
        fault = f"{'.'.join(map(str, errors[0]['loc']))}: {errors[0]['msg'].removeprefix('Value error, ')}"
        id = None if any(each["loc"] == ("id",) for each in errors) else value.get("id")
        return BadRow(document="", summary="", id=id, fault=fault)


class Rows(BaseModel):
    """Several summaries; one that is not a `Row` does not keep the others from being scored."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rows: list[Annotated[Row, WrapValidator(_even_if_bad)]] = Field(min_length=1)


class Score(BaseModel):
    """The score of one summary, or of a sentence of it."""

    id: str | int | None = None
    sentence_index: int | None = Field(default=None, description="With sentences=true: its number, from 0.")
    sentence_start: int | None = Field(default=None, description="Its first character in the summary.")
    sentence_end: int | None = Field(default=None, description="The one behind its last.")
    score: float | None = Field(description="Higher is more consistent; null if there is none, see status.")
    status: Status
    reason: str = Field(description="Why there is no score, or a note on how it came about.")
    evidence_count: int = Field(description="Number of pieces of evidence.")
    chunks: int = Field(description="Parts the document was read in.")
    signature: str = Field(description="How the number was made; only numbers with equal signatures compare.")
    probability: float | None = Field(
        default=None, description="That the summary is consistent; null if these settings have no calibration."
    )
    band: str | None = Field(default=None, description="The probability in plain words.")
    evidence: list[dict[str, Any]] | None = Field(default=None, description="With explain=true.")
    doubts: list[dict[str, Any]] | None = Field(
        default=None, description="With explain=true: places of the summary that the evidence speaks against."
    )

    @classmethod
    def of(cls, score: SummaryScore, *, id: str | int | None, sentence: Sentence | None, explain: bool) -> Score:
        """From a metric's result for a summary, or for a sentence of it."""
        return cls(id=id, **score.to_dict(explain=explain) | (sentence.places if sentence else {}))


class Scores(BaseModel):
    """The scores, in the order of the rows."""

    rows: list[Score]


class Health(BaseModel):
    """Whether the service takes requests."""

    status: str = Field(description="ok, busy (another summary would be refused now), or stopping")
    waiting: int = Field(description="Summaries accepted and not yet scored.")


class Version(BaseModel):
    """What is running, and how to read its numbers."""

    quals: str
    metric: str
    signature: str
    meaning: str
    range: tuple[float | None, float | None] = Field(description="Lowest and highest value; null is no limit.")
    calibration: dict[str, Any] | None


class Fault(BaseModel):
    """What went wrong."""

    message: str
    field: str | None = Field(default=None, description="Where in the request, e.g. summary.")


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault
