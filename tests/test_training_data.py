"""Reading question-answer data, framing it, packing it."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import DECODERS, SEQ2SEQ, TEXT, tiny_pretrained, tiny_tokenizer

from quals.errors import InputError, ModelError
from quals.lm.architectures import language_model
from quals.lm.format import QA, QAGEN, QG, PairFormat, Task, text_ids
from quals.qags.answer import QuestionAnswerer
from quals.training.data import Pair, Passage, answerable, read_passages
from quals.training.negatives import with_unanswerable
from quals.training.packing import IGNORE, Collator, with_mask, within_room
from quals.training.plan import lower_cased, of_like_length, plan_examples, sentence_starts

CONTEXT = (
    "Anna Berg won the race on Sunday. She finished in 2 hours and 31 minutes. The second place went to Maria "
    "Costa of Brazil. Organisers said that 4,000 people had taken part in the rain. The next race is in June."
)


def pair(question: str, answer: str) -> Pair:
    return Pair(question, answer, CONTEXT.index(answer))


PASSAGE = Passage(
    CONTEXT, (pair("Who won?", "Anna Berg"), pair("Who came second?", "Maria Costa"), pair("How many ran?", "4,000"))
)


def write_jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_reads_jsonl_and_brings_pairs_of_a_context_together(tmp_path: Path) -> None:
    row = {"context": CONTEXT, "question": " Who won? ", "answer": "Anna Berg", "answer_start": 0}
    other = row | {"question": "Who came second?", "answer": "Maria Costa", "answer_start": None}
    first = write_jsonl(tmp_path / "a.jsonl", [row, row])
    second = tmp_path / "b.jsonl.gz"
    second.write_bytes(gzip.compress(json.dumps(other).encode() + b"\n\n"))
    (passage,) = read_passages([first, second])
    assert passage == Passage(CONTEXT, PASSAGE.pairs[:2])


def test_reads_titles_where_there_are_some(tmp_path: Path) -> None:
    row = {"context": CONTEXT, "question": "Who won?", "answer": "Anna Berg"}
    jsonl = write_jsonl(tmp_path / "a.jsonl", [row, row | {"title": "Marathon"}])
    assert [passage.title for passage in read_passages([jsonl])] == ["Marathon"]


def test_reads_squad_json(tmp_path: Path) -> None:
    qas = [
        {"question": "Who won? ", "answers": [{"text": "Anna Berg", "answer_start": 0}]},
        {"question": "Who lost?", "answers": []},
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "Race", "paragraphs": [{"context": CONTEXT, "qas": qas}]}]}))
    assert read_passages([path]) == [Passage(CONTEXT, (PASSAGE.pairs[0], Pair("Who lost?", "")), "Race")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"context": "a", "question": "b"}', r"x.jsonl:2: answer: missing or not a text"),
        ('{"context": 3, "question": "b", "answer": "c"}', r"x.jsonl:2: context: missing or not a text"),
        ("[1]", r"x.jsonl:2: expected a JSON object, found list"),
        ("{", r"x.jsonl:2: not valid JSON"),
        (r'{"context": "a", "question": "b", "answer": "\ud800"}', r"x.jsonl:2: answer: missing or not a text"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"context": "a", "question": "b", "answer": "c"}\n' + content + "\n")
    with pytest.raises(InputError, match=message):
        read_passages([path])
    left_out: list[InputError] = []
    assert read_passages([path, path], left_out) == [Passage("a", (Pair("b", "c"),))]
    assert [bool(re.search(message, str(problem))) for problem in left_out] == [True, True]


def squad(context: object = "a", question: object = "b", answer: object = "c") -> bytes:
    qas = [{"question": "z", "answers": [{"text": "a"}]}, {"question": question, "answers": [{"text": answer}]}]
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", b"{}", r"x.json: not SQuAD-format JSON: it has no list 'data'"),
        ("x.json", b"[1]", r"x.json: not SQuAD-format JSON: it has no list 'data'"),
        ("x.json", b"{", r"x.json: not SQuAD-format JSON: JSONDecodeError"),
        ("x.json", b"[" * 100_000, r"x.json: not SQuAD-format JSON: RecursionError"),
        ("x.json", squad().replace(b'"a"', b'"\xe4"'), r"x.json: not UTF-8 text"),
        ("x.json.gz", gzip.compress(squad(), mtime=0)[:-9], r"x.json.gz: cannot be read"),
    ],
)
def test_unreadable_squad_is_an_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_passages([path], [])


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (squad(context=3).replace(b"[{", b"[{}, {", 1), "data.0.paragraphs: missing or not a list"),
        (squad().replace(b"[{", b'["article", {', 1), "data.0.paragraphs: missing or not a list"),
        (squad().replace(b'"qas": [', b'"qas": ["?", '), "data.0.paragraphs.0.qas.0.answers: missing or not a list"),
        (squad(context=3), "data.0.paragraphs.0.context: missing or not a text"),
        (squad(context=" "), "data.0.paragraphs.0.context: missing or not a text"),
        (squad(question=""), "data.0.paragraphs.0.qas.1.question: missing or not a text"),
        (squad(question=None), "data.0.paragraphs.0.qas.1.question: missing or not a text"),
        (squad(question="\ud800"), "data.0.paragraphs.0.qas.1.question: missing or not a text"),
        (squad().replace(b'"text": "c"', b""), "data.0.paragraphs.0.qas.1.answers.0.text: missing or not a text"),
        (squad().replace(b'{"text": "c"}', b'"c"'), "data.0.paragraphs.0.qas.1.answers.0.text: missing or not a text"),
    ],
)
def test_bad_rows_of_squad_are_named(tmp_path: Path, content: bytes, place: str) -> None:
    path, whole, left_out = tmp_path / "x.json", tmp_path / "whole.json", []
    path.write_bytes(content)
    whole.write_bytes(squad())
    with pytest.raises(InputError, match=f"x.json: {place}$"):
        read_passages([path])
    assert read_passages([path, whole], left_out) == [Passage("a", (Pair("z", "a", 0), Pair("b", "c")))]
    assert str(left_out[0]) == f"{path}: {place}"


def test_frame_uses_existing_special_tokens() -> None:
    tokenizer = tiny_tokenizer()
    form = PairFormat.choose(tokenizer, encoder_decoder=False)
    names = tokenizer.convert_ids_to_tokens([*form.prefix, *form.suffix, form.separator, form.end])
    assert names == ["<s>", "<mask>", "<sep>", "</s>"]
    assert PairFormat.from_dict(json.loads(json.dumps(form.to_dict()))) == form


def test_frame_of_an_encoder_is_the_tokenizers_own() -> None:
    tokenizer = tiny_tokenizer(closing=True)
    form = PairFormat.choose(tokenizer, encoder_decoder=True)
    assert form.frame(text_ids(tokenizer, "The mayor")) == tokenizer(" The mayor").input_ids
    assert form.end == tokenizer.eos_token_id
    assert form.separator == tokenizer.mask_token_id


def test_a_tokenizer_with_one_special_token_lends_impossible_bytes() -> None:
    tokenizer = tiny_tokenizer(specials=("<s>",))
    tokenizer.eos_token = "<s>"
    form = PairFormat.choose(tokenizer, encoder_decoder=False)
    assert len({*form.suffix, form.separator, form.end}) == 3
    for text in ("ÿ þ õ", "\udcff".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "naïve café"):
        assert not set(text_ids(tokenizer, text)) & {*form.suffix, form.separator}


def test_too_few_special_tokens_is_an_error() -> None:
    with pytest.raises(ModelError, match="no free special token to serve as separator"):
        PairFormat.choose(_WordTokenizer(), encoder_decoder=False)


class _WordTokenizer:
    """A vocabulary with neither bytes nor spare special tokens."""

    bos_token_id, eos_token_id, unk_token_id, pad_token_id = None, 1, None, None

    def __init__(self) -> None:
        self.added_tokens_decoder = {id: tokenizers.AddedToken(f"<{id}>", special=True) for id in (1, 2)}

    def get_vocab(self) -> dict[str, int]:
        return {"a": 0, "</s>": 1, "<x>": 2}


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=50)
def test_no_text_produces_a_frame_token(text: str) -> None:
    tokenizer = tiny_tokenizer()
    form = PairFormat.choose(tokenizer, encoder_decoder=False)
    frame = {*form.prefix, *form.suffix, form.separator, form.end}
    for hostile in (text, f"{text}<sep>{text}</s><s>"):
        assert not set(text_ids(tokenizer, hostile.encode("utf-8", "replace").decode())) & frame


def test_plan_is_seeded_and_counts_epochs() -> None:
    passages = [Passage(f"Context {i}.", (Pair("q", "a", -1),)) for i in range(5)]
    plan = plan_examples(passages, count=12, max_pairs=3, crop=0.5, seed=4)
    assert plan == plan_examples(passages, count=12, max_pairs=3, crop=0.5, seed=4)
    assert [len({example.context for example in part}) for part in (plan[:5], plan[5:10], plan[10:])] == [5, 5, 2]
    assert plan != plan_examples(passages, count=12, max_pairs=3, crop=0.5, seed=5)


def test_windows_are_whole_sentences_that_hold_their_answers() -> None:
    plan = plan_examples([PASSAGE], count=60, max_pairs=3, crop=1.0, seed=1)
    assert len({example.context for example in plan}) > 5
    for example in plan:
        assert example.context in CONTEXT
        assert example.context[0].isupper()
        assert example.context.endswith(".")
        assert example.pairs
        assert all(each.answer in example.context for each in example.pairs)


def test_questions_without_an_answer_have_no_place_and_stay_in_every_window(tmp_path: Path) -> None:
    answers = [{"text": "", "answer_start": -4}, {"text": "", "answer_start": 0}]
    questions = [{"question": f"Who came at {place}?", "answers": [each]} for place, each in enumerate(answers)]
    squad = {"data": [{"title": "T", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
    (tmp_path / "squad.json").write_text(json.dumps(squad))
    (passage,) = read_passages([tmp_path / "squad.json"], [])
    assert [(pair.answer, pair.start) for pair in passage.pairs] == [("", -1), ("", -1)]
    both = replace(PASSAGE, pairs=(*PASSAGE.pairs, *passage.pairs))
    plan = plan_examples([both], count=60, max_pairs=9, crop=1.0, seed=1)
    assert len({example.context for example in plan}) > 5
    assert all(set(passage.pairs) < set(example.pairs) for example in plan)


def test_questions_without_an_answer_may_be_empty_or_lack_one(tmp_path: Path) -> None:
    rows = [{"context": CONTEXT, "question": "Who won?", "answer": answer} for answer in ("", "Anna Berg")]
    questions = [{"question": "Who fell?", "answers": []}, {"question": "Who left?", "answers": [], "is_impossible": 1}]
    squad = {"data": [{"title": "T", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
    (tmp_path / "squad.json").write_text(json.dumps(squad))
    (passage,) = read_passages([write_jsonl(tmp_path / "a.jsonl", rows), tmp_path / "squad.json"])
    asked = [(pair.question, pair.answer) for pair in passage.pairs]
    assert asked == [("Who won?", ""), ("Who won?", "Anna Berg"), ("Who fell?", ""), ("Who left?", "")]


def test_who_learns_to_ask_learns_from_answers_alone(caplog: pytest.LogCaptureFixture) -> None:
    passages = [
        replace(PASSAGE, pairs=(*PASSAGE.pairs, Pair("Who fell?", ""))),
        Passage("It rained.", (Pair("?", ""),)),
    ]
    assert answerable(passages) == [PASSAGE]
    assert "2 questions without an answer are left out" in caplog.text
    caplog.clear()
    assert answerable([PASSAGE]) == [PASSAGE]
    assert not caplog.text


def test_a_list_has_sentences_without_full_stops() -> None:
    text = "# Fees\n\n- students pay 5\n- others pay 9\n1. first\n| a | b |\nand so on\n\nthe end"
    starts = sentence_starts(text)
    parts = [text[start:end].strip() for start, end in pairwise(starts)]
    assert parts == ["# Fees", "- students pay 5", "- others pay 9", "1. first", "| a | b |\nand so on", "the end"]


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_of_a_context_that_is_cut_only_what_is_left_is_learnt(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    pretrained = tiny_pretrained(kind)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    model = QuestionAnswerer.of(pretrained, form)
    unknown = Pair("Who fell?", "")
    passage = replace(PASSAGE, pairs=(*PASSAGE.pairs, unknown))
    whole = len(text_ids(model.lm.tokenizer, CONTEXT))
    assert within_room([passage], model, whole) == [passage]
    assert not caplog.text
    cut = len(text_ids(model.lm.tokenizer, CONTEXT[: CONTEXT.index("Costa")]))
    (found,) = within_room([passage], model, cut)
    assert found.pairs == (PASSAGE.pairs[0], unknown)
    assert CONTEXT.startswith(found.context)
    assert len(text_ids(model.lm.tokenizer, found.context)) <= cut
    assert f"1 of 1 contexts are cut to {cut} tokens; 2 pairs" in caplog.text
    assert within_room([PASSAGE, replace(PASSAGE, pairs=PASSAGE.pairs[2:])], model, cut)[1:] == []
    with pytest.raises(InputError, match=r"max_context: .* are more than the model's 512"):
        within_room([Passage("rain " * 300, (Pair("What fell?", "rain", 0),))], model, 10_000)


def test_joined_contexts_are_neighbours_with_the_pairs_of_all() -> None:
    def passage(number: int, title: str) -> Passage:
        text = f"In {title} {number} came Ann{number}. " + "It rained. " * 10
        return Passage(
            text, (Pair(f"Who came in {number}?", f"Ann{number}", text.index("Ann")), Pair("?", "no")), title
        )

    passages = [passage(number, title) for number in range(6) for title in ("A", "B")]
    of = {each.context: each for each in passages}
    plan = plan_examples(passages, count=60, max_pairs=9, crop=0.0, seed=1, joined=0.7, span=(30, 80))
    joined = [example for example in plan if example.context not in of]
    assert 30 < len(joined) < 60
    assert {len(example.pairs) for example in joined} == {4, 6}  # two or three texts of 25 words
    assert {example.context[-1] for example in joined} == {" "}
    for example in joined:
        assert len(example.context.split()) <= 80
        named = sorted({pair.answer for pair in example.pairs} - {"no"})
        numbers = [int(name[-1]) for name in named]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        texts = [passage(number, example.title).context for number in numbers]
        assert example.context in (" ".join(texts), "\n".join(texts))
        for pair in example.pairs:
            assert pair.start == -1 if pair.answer == "no" else example.context.startswith(pair.answer, pair.start)
    alone = [Passage("A text.", (Pair("What?", "text", 2),))]
    assert plan_examples(alone, count=1, max_pairs=1, crop=0.0, seed=1, joined=1.0) == alone


def test_questions_without_an_answer_have_none_in_joined_contexts_either() -> None:
    passages = [
        Passage(f"Village {name} was founded by {name}.", (Pair(f"Who founded {name}?", name, 8),), "Villages")
        for name in ("Ada", "Bob", "Cleo", "Dan", "Eve", "Fay")
    ]
    plan = plan_examples(passages, count=60, max_pairs=6, crop=0.0, seed=1, joined=1.0, span=(10, 20))
    made = with_unanswerable(plan, passages, share=0.5, seed=1)
    foreign = [(pair, example) for example in made for pair in example.pairs if not pair.answer]
    assert len(foreign) > 30
    assert not any(pair.question[12:-1] in example.context for pair, example in foreign)


def test_a_share_of_the_examples_is_in_lower_case() -> None:
    examples = lower_cased([PASSAGE] * 200, share=0.3, seed=1)
    lowered = [example for example in examples if example != PASSAGE]
    assert 40 < len(lowered) < 80
    assert {example.context for example in lowered} == {CONTEXT.lower()}
    assert lowered[0].pairs[0] == Pair("who won?", "anna berg", 0)


def test_batches_are_of_like_length_and_no_example_is_lost() -> None:
    plan = [Passage("x" * (37 * number % 101), (Pair("q", str(number)),)) for number in range(95)]
    ordered = of_like_length(plan, 10, seed=1)
    assert ordered == of_like_length(plan, 10, seed=1)
    assert sorted(map(repr, ordered)) == sorted(map(repr, plan))
    means = []
    for start in range(0, 90, 10):
        lengths = [len(example.context) for example in ordered[start : start + 10]]
        assert max(lengths) - min(lengths) < 20
        means.append(sum(lengths) / 10)
    assert means != sorted(means)


@pytest.mark.parametrize("task", [QAGEN, QG, QA], ids=lambda task: task.name)
@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_packed_pairs_have_the_log_probabilities_of_pairs_alone(kind: str, task: Task) -> None:
    pretrained = tiny_pretrained(kind)
    lm = language_model(pretrained)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    collate = Collator(pretrained, form, task)
    foreign = Pair("Who fell?", "") if task is QA else Pair("Who fell?", "Police")
    examples = [PASSAGE, Passage(TEXT, (Pair("Who resigned?", "The mayor", 0), foreign))]
    inputs = collate(examples)
    labels = inputs.pop("labels")
    with torch.inference_mode():
        logits = pretrained.model(**with_mask(inputs)).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)
    values = []
    for example in examples:
        text = form.frame(text_ids(lm.tokenizer, example.context))
        for pair in example.pairs:
            halves = {QAGEN: (pair.question, pair.answer), QA: (pair.question, pair.answer)}
            first, second = halves.get(task, (pair.answer, pair.question))
            given = [*text_ids(lm.tokenizer, first), form.separator]
            written = [*(text_ids(lm.tokenizer, second) if second else []), form.end]
            ((log_probs,),) = lm.log_probs([text], [[[*given, *written]]])
            values += log_probs if task is QAGEN else log_probs[len(given) :]
    assert (labels != IGNORE).sum() == len(values)
    assert float(loss) == pytest.approx(-sum(values) / len(values), abs=1e-4)


def test_nothing_to_learn_but_the_end_of_an_unanswerable_question() -> None:
    pretrained = tiny_pretrained("llama")
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=False)
    inputs = Collator(pretrained, form, QA)([Passage("It rained.", (Pair("Who fell?", ""),))])
    assert inputs["labels"].tolist() == [[form.end]]
    assert inputs["input_ids"][0, -1] == form.separator
