from dataclasses import replace

import pytest
from click.testing import CliRunner
from labelled_rows import scored, write
from word_pairs import WordPairs

from quals.calibrate import Calibration
from quals.calibrate.language import looks_english
from quals.cli.calibrate import calibrate
from quals.report.facts import MetricFacts

WELSH = (
    "Cafodd y cyngor ei feirniadu ddydd Mawrth ar ôl penderfynu cau tair o ysgolion bach y sir erbyn yr haf nesaf, "
    "er bod rhieni wedi casglu dros fil o enwau yn erbyn y cynllun."
)

GERMAN = (
    "Der Stadtrat hat am Dienstag in Augsburg beschlossen, drei kleine Schulen zu schließen. Das war nicht für alle "
    "ein Grund zur Freude: Eltern hatten mehr als tausend Unterschriften gegen den Plan gesammelt."
)

ENGLISH = (
    "The council was criticised on Tuesday after it decided to close three of the county's small schools by next "
    "summer, although parents had collected over a thousand names against the plan."
)

OTHERS = (
    "A kormány szerdán döntött arról, hogy a jövő évtől emelik a minimálbért. A miniszter szerint a béremelés a "
    "családok helyzetét is javítja, és a vállalkozások is elbírják a terhet. A dolgozók örülnek.",
    "Statsministeren sier at regjeringen vil gi mer penger til skolene. Han sier at det er på tide at barna får et "
    "bedre tilbud, og at planen ikke er for dyr for dem som bor her i nord.",
    "O ministro disse que o governo vai dar mais dinheiro a escolas e a hospitais. As famílias e as empresas, a favor "
    "da medida, pedem a publicação das contas até a próxima semana.",
    "Ministr řekl, že vláda dá více peněz školám, a to o deset procent. To by mohlo vést k tomu, že by se to podařilo, "
    "a to by bylo dobře i pro děti a rodiče v Praze a v Brně.",
    "Die minister het gesê dat die regering in die toekoms meer geld aan skole sal gee. Dit is die eerste keer in tien "
    "jaar dat dit gebeur, maar daar is nog baie werk om te doen by skole in die platteland.",
)


@pytest.mark.parametrize("text", [WELSH, GERMAN, *OTHERS])
def test_words_that_english_shares_with_others_do_not_make_a_text_english(text):
    assert not looks_english(text)


@pytest.mark.parametrize("text", [ENGLISH, "You said you would call me when you got there. I can't take it. " * 2])
def test_english_looks_english(text):
    assert looks_english(text)


def test_nothing_is_said_of_documents_in_other_languages_than_those_it_knows(logistic):
    metric = WordPairs()
    metric.calibrate(replace(logistic, english=True, signature=metric.signature))
    found = metric.score([WELSH, GERMAN, ENGLISH, "Three schools: Bangor, Conwy, Rhyl"], ["Three schools."] * 4)
    assert [score.reading is not None for score in found] == [False, False, True, True]
    assert all(score.value is not None for score in found)
    assert found[0].reason == (
        "no probability: the document does not look English, as those do that the calibration knows"
    )
    facts = MetricFacts.of(metric)
    assert [facts.read(found[2], text) is not None for text in (WELSH, ENGLISH)] == [False, True]
    metric.calibrate(replace(logistic, english=False, signature=metric.signature))
    assert metric.score(WELSH, "Three schools.").reading is not None


@pytest.mark.parametrize(("texts", "english"), [((WELSH, GERMAN, ENGLISH), False), ((WELSH, ENGLISH, ENGLISH), True)])
def test_a_calibration_knows_whether_its_documents_are_english(tmp_path, texts, english):
    rows = [{**row, "document": f"{texts[i % 3]} {i // 3}"} for i, row in enumerate(scored(300))]
    done = CliRunner().invoke(calibrate, [write(tmp_path / "in.jsonl", rows), "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert Calibration.load(tmp_path / "c.json").english is english
