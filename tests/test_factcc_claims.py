from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from claims import ARTICLES as NEWS
from claims import RESTATED

from quals.errors import InputError, MissingExtraError, ModelError
from quals.factcc import generate
from quals.factcc.changes import Change, change_at, starts_with_vowel_sound
from quals.factcc.generate import Article, Claim, ClaimSettings, make_claims, make_false, read_articles
from quals.factcc.noise import apply_all, noise
from quals.factcc.restated import Bases
from quals.factcc.verdict import Slip
from quals.nlp import load_pipeline
from quals.records import Span
from quals.texts import padded_words


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


# ---- changes


def test_change_is_checked_against_the_text() -> None:
    change = Change(Span(4, 7), "cat", "dog")
    assert change.apply("the cat sat") == "the dog sat"
    with pytest.raises(ValueError, match="'cat' does not stand at 4:7"):
        change.apply("a cat sat")


ARTICLES = [
    ("She met a Google engineer.", "Google", "Apple", "She met an Apple engineer."),
    ("She met an Apple engineer.", "Apple", "Google", "She met a Google engineer."),
    ("An 80-year-old man died.", "80", "75", "A 75-year-old man died."),
    ("A 7% rise was seen.", "7", "8", "An 8% rise was seen."),
    ("A 7% rise was seen.", "7", "118", "A 118% rise was seen."),
    ("It paid a $10m ransom.", "10", "8", "It paid an $8m ransom."),
    ("An £11,000 reward was offered.", "11,000", "33,000", "A £33,000 reward was offered."),
    ("It paid a US$10m ransom.", "10", "8", "It paid a US$8m ransom."),
    ("He is a Tory.", "Tory", "MP", "He is an MP."),
    ("He is an FBI agent.", "FBI", "US", "He is a US agent."),
    ("The Apple store opened.", "Apple", "Google", "The Google store opened."),
    ("Two men were seen.", "Two", "three", "Three men were seen."),
    ("He saw Idaho a Boise again.", "Boise", "Utah", "He saw Idaho a Utah again."),
    ("She met a\n Google engineer.", "Google", "Apple", "She met an\n Apple engineer."),
]


@pytest.mark.parametrize(("text", "old", "new", "expected"), ARTICLES)
def test_articles_and_capitals_follow(pipeline: Any, text: str, old: str, new: str, expected: str) -> None:
    sentence = pipeline(text)[:]
    start = text.index(old)
    change = change_at(sentence, start, start + len(old), new)
    assert change is not None
    assert change.apply(text) == expected


def test_a_change_of_case_only_is_none(pipeline: Any) -> None:
    assert change_at(pipeline("Two men were seen.")[:], 0, 3, "two") is None
    assert change_at(pipeline("They met in spring.")[:], 12, 18, "Spring") is None


def test_an_article_that_still_fits_is_no_part_of_the_change(pipeline: Any) -> None:
    change = change_at(pipeline("An 80-year-old man died.")[:], 3, 5, "85")
    assert change == Change(Span(3, 5), "80", "85")


VOWEL_SOUNDS = {"apple": True, "hour": True, "union": False, "European": False, "uninsured": True, "MP": True,
                "UN": False, "NHS": True, "8": True, "80": True, "18": True, "180": False, "11": True, "110": False,
                "one": False, "only": True, "Ukrainian": False, "umbrella": True, "BBC": False, "Nato": False,
                "honest": True, "honorary": True, "heir": True, "Hour": True, "unimportant": True, "usual": False,
                "eulogy": False, "once": False, "Ugandan": False, "Uzbek": False, "X-ray": True, "HIV": True,
                "NASA": False, "NATO": False, "FIFA": False, "M25": True, "B52": False,
                }  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VOWEL_SOUNDS.items())
def test_vowel_sounds(text: str, expected: bool) -> None:
    assert starts_with_vowel_sound(text) is expected


# ---- noise


def test_noise_repeats_or_drops_and_spares_what_matters() -> None:
    text = "The 24 men from the town of Hull were not paid the £5.7bn that Mr O'Neil owed."
    for seed in range(50):
        changes = noise(text, Random(seed), rate=0.5, protected=Span(text.index("Hull"), text.index("Hull") + 4))
        for change in changes:
            assert change.new in (f"{change.old} {change.old}", "")
            assert change.new or change.old.strip() in {"the", "of", "that"}
            assert change.old not in ("Hull", "24", "bn")
        noisy = [word.strip(".") for word in apply_all(changes, text).split()]
        once = [word for place, word in enumerate(noisy) if place == 0 or word != noisy[place - 1]]
        left_out = {"the", "of", "that"}
        assert [w for w in once if w not in left_out] == [w for w in text.strip(".").split() if w not in left_out]


def noised(text: str, protected: Span | None = None) -> set[tuple[str, str]]:
    """All that noise can do to the words of a text."""
    made = [noise(text, Random(seed), rate=1.0, protected=protected) for seed in range(40)]
    for changes in made:
        apply_all(changes, text)  # they can all be made
    return {(change.old, change.new) for changes in made for change in changes}


def test_noise_by_words() -> None:
    assert noised("Stop a man.") == {("Stop", "Stop Stop"), ("a", "a a"), ("a ", ""), ("man", "man man")}
    assert noised("an hour") == {("an", "an an"), ("an ", ""), ("hour", "hour hour")}
    assert noised("the town of\nHull") == {
        ("the", "the the"), ("the ", ""), ("town", "town town"), ("of", "of of"), ("Hull", "Hull Hull"),
    }  # fmt: skip
    # What a hyphen or an apostrophe joins is one word, and what follows a point or comma without a space is none.
    joined = {("well-known", "well-known well-known"), ("O’Neil", "O’Neil O’Neil"), ("bbc", "bbc bbc")}
    assert noised("well-known O’Neil bbc.com,uk") == joined


def test_words_beside_what_is_protected_are_noised() -> None:
    assert {old.strip() for old, _ in noised("the men left", Span(3, 4))} == {"the", "men", "left"}
    assert {old.strip() for old, _ in noised("the men left", Span(2, 5))} == {"left"}


def test_no_noise_at_rate_zero() -> None:
    assert noise("The men left the town.", Random(0), rate=0.0) == []


# ---- documents to claims


def unnoised(claim: Claim) -> str:
    return claim.change.apply(claim.sentence) if claim.change else claim.sentence


def test_claims_are_balanced_explained_and_false_only_by_their_change(pipeline: Any) -> None:
    claims = list(make_claims(NEWS, pipeline, ClaimSettings(pairs=3, noised=0.0)))
    assert Counter(claim.consistent for claim in claims) == {True: 9, False: 9}
    for true, false in zip(claims[::2], claims[1::2], strict=True):
        assert true.sentence == false.sentence
        assert true.sentence in true.document
        assert (true.kind, true.change) == ("none", None)
        assert [true.claim, false.claim] == [unnoised(true), unnoised(false)]
        assert false.claim not in false.document


def test_claims_depend_on_seed_and_document_alone(pipeline: Any) -> None:
    def made(articles: list[Article], seed: int) -> list[str]:
        return [claim.claim for claim in make_claims(articles, pipeline, ClaimSettings(seed=seed))]

    assert made(NEWS, 0) == made(NEWS[:1], 0) + made(NEWS[1:], 0)
    assert made(NEWS, 0) != made(NEWS, 1)


def test_what_is_wrong_can_be_mended(pipeline: Any) -> None:
    article = Article(
        "The bank paid £2.48bn for its rival in the early 1970s. A 15km road to the old town was built for $700m. "
        "Sarah Jones said she had never seen the town. The ship weighs 900kg and was sold by Tom Field in May 2014."
    )
    mended = []
    for seed in range(30):
        for claim in make_claims([article, *NEWS], pipeline, ClaimSettings(seed, noised=0)):
            if claim.change:
                slip = Slip(claim.change.new, claim.change.old)
                assert slip.mend(claim.claim) == claim.sentence
                mended.append(claim.claim)
    assert any(re.search(r"£(?!2.48)[\d.]+bn", claim) for claim in mended)


def test_noise_falls_on_true_and_false_claims_alike(pipeline: Any) -> None:
    claims = [
        claim
        for seed in range(25)
        for claim in make_claims(NEWS, pipeline, ClaimSettings(seed=seed, noised=1.0, noise_rate=0.3))
    ]
    noised = Counter(claim.consistent for claim in claims if claim.claim != unnoised(claim))
    assert noised[True] > 100
    assert 0.9 < noised[True] / noised[False] < 1.1


def test_every_kind_is_made(pipeline: Any) -> None:
    kinds = Counter(claim.kind for seed in range(20) for claim in make_claims(NEWS, pipeline, ClaimSettings(seed=seed)))
    assert set(kinds) == {"none", "pronoun", "date", "number", "entity", "affirmation", "denial"}


def test_a_false_claim_that_the_document_states_is_none(pipeline: Any) -> None:
    sentence = next(pipeline("She left.").sents)

    def made(said: str) -> set[str]:
        found = [make_false(sentence, Random(seed), padded_words(said)) for seed in range(60)]
        return {change.apply(sentence.text) for _, change in filter(None, found)}

    denied = {"She did not leave.", "She didn't leave."}
    assert made("She left.") == {"He left.", *denied}
    assert made("she left but then he left") == denied
    assert made("some say she did not leave, some she didn't leave, and he left") == set()


def test_what_always_applies_is_passed_over_most_of_the_time(pipeline: Any) -> None:
    sentence = next(pipeline("The mayor left.").sents)
    kinds = Counter(made and made[0] for made in (make_false(sentence, Random(seed), "") for seed in range(300)))
    assert set(kinds) == {None, "denial"}
    assert 0.1 < kinds["denial"] / 300 < 0.28  # 0.07 of 0.07 + 0.3


def test_fragments_and_headings_give_no_claims(pipeline: Any) -> None:
    texts = ["", "Share this with", "TOP STORIES\nWeather: 5 degrees", "Yes, he was."]
    assert list(make_claims([*map(Article, texts), Article("", "The mayor of Leeds left on Monday.")], pipeline)) == []


CLAIMS = [
    ("The mayor of Leeds left today.", True),
    ("The mayor left Leeds today.", False),  # five words
    ("The mayor left 1 or 2 days ago.", True),
    ("The mayor left 10 20 30.", False),
    (f"The mayor left {'very ' * 56}gladly.", True),  # 60 words
    (f"The mayor left {'very ' * 57}gladly.", False),
    ('"The mayor of Leeds left today," he said.', True),
    ("“The mayor of Leeds left today.”", True),
    ("(The mayor of Leeds left today.)", True),
    ("The mayor of Leeds left today!", True),
    ("The mayor of Leeds left today", False),
    ("the mayor of Leeds left today.", False),
    ("The mayor of Leeds is old.", True),
    ("The old mayor of the town.", False),
    ("The mayor of\nLeeds left today.", False),
]


def test_what_players_say_is_no_claim(pipeline: Any) -> None:
    assert not generate._is_claim(pipeline("Media playback is not supported on this device.")[:])


@pytest.mark.parametrize(("text", "expected"), CLAIMS)
def test_what_is_a_whole_sentence(pipeline: Any, text: str, expected: bool) -> None:
    assert generate._is_claim(pipeline(text)[:]) is expected


def test_every_sentence_may_come_first(pipeline: Any) -> None:
    text = NEWS[0].document + "\n\nShe was very glad about it then. "
    firsts = {next(generate._sources(pipeline(text), text, Random(seed)))[1] for seed in range(60)}
    assert firsts == {sentence.text.strip() for sentence in pipeline(text).sents}


def test_noise_of_a_rate_falls_beside_the_change(pipeline: Any) -> None:
    settings = [ClaimSettings(seed=seed, noised=1.0, noise_rate=1.0) for seed in range(9)]
    for claim in (claim for each in settings for claim in make_claims(NEWS, pipeline, each)):
        assert len(re.findall(r"\b(\w+) \1\b", claim.claim)) >= 4
        if claim.change and claim.change.new.strip():
            new = claim.change.new
            assert new in claim.claim
            assert f"{new} {new}" not in claim.claim


def test_a_false_claim_that_the_summary_states_is_none(pipeline: Any) -> None:
    document = "The mayor of the town left the hall."
    denials = "The mayor of the town did not leave the hall. The mayor of the town didn't leave the hall."
    for summary, kinds in (("", {"none", "denial"}), (denials, set())):
        made = [make_claims([Article(document, summary)], pipeline, ClaimSettings(seed)) for seed in range(40)]
        assert {claim.kind for claims in made for claim in claims} == kinds


def test_a_heading_of_a_summary_gives_no_claim(pipeline: Any) -> None:
    article = Article(NEWS[0].document, "Three men were arrested in Leeds by police")
    assert all(claim.sentence == claim.basis for claim in make_claims([article], pipeline, ClaimSettings(pairs=20)))


def test_a_document_of_the_most_characters_is_taken(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for short, count in ((0, 2), (1, 0)):
        monkeypatch.setattr(pipeline, "max_length", len(NEWS[0].document) - short)
        assert len(list(make_claims(NEWS[:1], pipeline, ClaimSettings(pairs=1)))) == count


def test_documents_too_long_for_the_pipeline_are_told(pipeline: Any, caplog: pytest.LogCaptureFixture) -> None:
    long = "word " * (pipeline.max_length // 5 + 1)
    assert len(list(make_claims([Article(long), NEWS[0]], pipeline, ClaimSettings(pairs=1)))) == 2
    assert re.search(r"left out: \d+ characters, the pipeline takes \d+: 'word word", caplog.text)


def test_a_summary_gives_claims_in_its_own_words(pipeline: Any) -> None:
    """Only a sentence that the document bears out, and not one that it has word for word."""
    claims = list(make_claims([RESTATED], pipeline, ClaimSettings(noised=0.0, pairs=20)))
    own = [claim for claim in claims if claim.sentence == claim.basis]
    assert set(Counter(claim.sentence for claim in own).values()) == {2}
    true, false = (claim for claim in claims if claim.sentence != claim.basis)
    assert {claim.sentence for claim in own} <= {str(sentence) for sentence in pipeline(RESTATED.document).sents}
    assert true.basis == "Police arrested three men in Leeds on Monday."
    assert true.claim == true.sentence == false.sentence == "Three men were arrested in Leeds by police on Monday."
    assert false.claim == false.change.apply(false.sentence)
    assert (true.document, false.consistent) == (RESTATED.document, False)


def test_a_summary_begins_where_the_document_ends(pipeline: Any) -> None:
    """Also where spaCy sees one sentence there, since the document ends without a full stop."""
    document = f"{RESTATED.document} See also our page on the arrests in"
    parsed = pipeline(f"{document}\n\n{RESTATED.summary}")
    assert any(one.start_char < len(document) < one.end_char for one in parsed.sents)
    restated, *_ = make_claims([Article(document, RESTATED.summary)], pipeline, ClaimSettings(noised=0))
    assert restated.claim == "Three men were arrested in Leeds by police on Monday."


def test_two_neighbouring_sentences_can_bear_out_one(pipeline: Any) -> None:
    text = (
        "It rained. The mayor of Leeds opened the new bridge. Thousands of cyclists crossed it on Friday. He was glad."
    )
    parsed = pipeline(
        text + "\n\nThousands of cyclists crossed the new bridge on Friday, opened by the mayor of Leeds."
    )
    *own, last = (sentence for sentence in parsed.sents if sentence.text.strip())
    bases = Bases(own)
    assert str(bases.of(last)) == text[text.index("The mayor") : text.index(" He was")]
    assert str(bases.of(own[1])) == str(own[1])
    assert Bases([]).of(last) is None
    assert bases.of(next(pipeline("Thousands of cyclists crossed the new bridge of Hull on Friday.").sents)) is None


BASED = [
    ("The old mayor opened a long bridge in a small town while a sad cook sang.", True),  # 7 of 10 words
    ("The old mayor opened a long bridge in a small town while a sad cook sang loudly.", False),  # 7 of 11
    ("Old mayors opened longer bridges in smaller towns.", True),
    ("The mayor opened a bridge.", True),
    ("The mayor opened it.", False),  # too few words
    ("The old mayor opened a long bridge that cyclists crossed at noon.", False),  # no neighbours have it all
]


@pytest.mark.parametrize(("sentence", "based"), BASED)
def test_a_basis_has_most_of_the_words(pipeline: Any, sentence: str, based: bool) -> None:
    text = "The old mayor opened a long bridge in a small town. It rained. Many cyclists crossed it at noon."
    basis = Bases(list(pipeline(text).sents)).of(next(pipeline(sentence).sents))
    assert (basis and str(basis)) == ("The old mayor opened a long bridge in a small town." if based else None)


EXACT = [
    ("The mayor of Leeds opened the bridge twice.", True),
    ("The mayor of Leeds opened the bridge for 50 pounds.", False),
    ("The mayor of Leeds opened the bridge on Friday.", False),
    ("The mayor of Leeds opened the bridge last summer.", False),
    ("The mayor of Leeds, Berg, opened the bridge.", False),
]


@pytest.mark.parametrize(("sentence", "based"), EXACT)
def test_names_numbers_and_dates_have_to_be_the_documents(pipeline: Any, sentence: str, based: bool) -> None:
    bases = Bases(list(pipeline("It cost 40 pounds. The mayor of Leeds opened the bridge.").sents))
    assert (bases.of(next(pipeline(sentence).sents)) is not None) is based


def test_names_numbers_and_dates_have_to_stand_in_the_basis(pipeline: Any) -> None:
    """It has most words of the sentence; but a window round it may lack what stands elsewhere."""
    text = "It cost 40 pounds. It rained. The mayor of Leeds opened the new bridge for everyone."
    bases = Bases(list(pipeline(text).sents))
    assert bases.of(next(pipeline("The mayor of Leeds opened the new bridge for 40 pounds.").sents)) is None
    two = Bases(list(pipeline(text.replace("It rained. ", "")).sents))
    basis = two.of(next(pipeline("The mayor of Leeds opened the new bridge for 40 pounds.").sents))
    assert str(basis) == text.replace("It rained. ", "")


def test_nothing_is_no_basis(pipeline: Any) -> None:
    assert Bases([]).of(next(pipeline("The old mayor opened a long bridge.").sents)) is None


def test_articles_are_read_from_files(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    rows = b'{"document": "One.", "summary": "x"}\n{"document": "Two."}\n{"document": "Three.", "summary": 5}\n{}\n'
    path.write_bytes(gzip.compress(rows))
    articles = read_articles([path])
    assert (next(articles), next(articles)) == (Article("One.", "x"), Article("Two."))
    with pytest.raises(InputError, match=r"news\.jsonl\.gz:3: summary: expected text"):
        next(articles)
    left_out: list[InputError] = []
    assert list(read_articles([path], left_out)) == [Article("One.", "x"), Article("Two.")]
    assert [(problem.line, problem.field) for problem in left_out] == [(3, "summary"), (4, "document")]
    path.write_bytes(gzip.compress(b'{"document": "One.", "summary": null}'))
    assert list(read_articles([path])) == [Article("One.")]
    path.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(InputError, match=r"news\.jsonl\.gz:1: document: expected text"):
        next(read_articles([path]))


def test_a_summary_that_is_judged_wrong_is_no_reference(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text(
        '{"document": "One.", "summary": "x", "label": 0}\n'
        '{"document": "Two.", "summary": "y", "label": 1}\n'
        '{"document": "Three.", "label": 0}\n'
        '{"document": "Four.", "summary": "z", "label": "sport"}\n'
    )
    left_out: list[InputError] = []
    assert list(read_articles([path], left_out)) == [Article("Two.", "y"), Article("Three."), Article("Four.", "z")]
    assert [str(problem) for problem in left_out] == [
        f"{path}:1: label: the summary is wrong, so no reference: is this a file of labelled claims?"
    ]


def test_missing_spacy_or_pipeline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="no spaCy pipeline 'xx_none'"):
        load_pipeline("xx_none")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"'\.\[spacy\]'"):
        load_pipeline()


def test_nothing_heavy_is_imported_with_the_modules() -> None:
    code = "import sys, quals.factcc.generate, quals.factcc.labelled, quals.metrics.registry, quals.cli.agree\n"
    code += "print({'spacy', 'torch', 'scipy', 'numpy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_metric_does_not_import_the_rules_that_make_claims() -> None:
    code = "import sys, quals.metrics.factcc; print('quals.factcc.generate' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
