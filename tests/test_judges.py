"Models as the stager sees them: the default one, and a trained network beside the grammar."
import subprocess
import sys

import numpy as np
import pytest

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.evaluate.abstention import threshold_for_accuracy
from cancer_staging.fields import FIELDS
from cancer_staging.models.judges import LearnedJudge, NetworkJudge, PIECES, pieces_of
from cancer_staging.models.learned_files import shipped_learned
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.calibration import RuleCalibration
from cancer_staging.rules.grammar import Finding
from cancer_staging.stager import Stager
from cancer_staging.text.document import Span

TEXTS = [report.text for report in synthetic_reports(12, seed=2000)]


def test_a_judgement_does_not_depend_on_the_batch():
    judge, found = LearnedJudge(shipped_learned()), [GRAMMAR.read(text) for text in TEXTS]
    together = judge.judge(TEXTS, found)
    assert together == [judge.judge([text], [findings])[0] for text, findings in zip(TEXTS, found)]
    assert together[::-1] == judge.judge(TEXTS[::-1], found[::-1])


def test_thresholds_rise_with_the_target_and_are_infinite_beyond_reach():
    judge = LearnedJudge(shipped_learned())
    for name in ("t", "n"):
        thresholds = [judge.threshold(name, target) for target in (0.5, 0.9, 0.95, 0.98)]
        assert thresholds == sorted(thresholds) and thresholds[0] < thresholds[-1]
        confidence, right = judge.model.confidence[name], judge.model.right[name]
        assert right[confidence >= judge.threshold(name, 0.95)].mean() >= 0.95
    assert judge.threshold("her2", 0.9) is None
    judge.model.right["t"][:] = False
    assert judge.threshold("t", 0.5) == float("inf")


@pytest.mark.parametrize("text", [*TEXTS[:4], "one line without an end", "A. " * 500, "x" * 5000])
def test_pieces_are_the_whole_text(text):
    pieces = pieces_of(text)
    assert "".join(text[start:end] for start, end in pieces) == text and 1 <= len(pieces) <= PIECES + 1
    assert pieces_of("") == []


# A network

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "A tiny network, trained for one epoch."
    pytest.importorskip("torch", reason="a network needs the learn extra")
    pytest.importorskip("transformers", reason="a network needs the learn extra")
    from tiny_backbones import labelled_frame, save_encoder

    from cancer_staging.models.training import train

    place = tmp_path_factory.mktemp("network")
    train("minilm", labelled_frame(40), place / "model", backbone=str(save_encoder(place / "backbone")), epochs=1, batch=8, learning_rate=1e-3, validation=0.3, fields="t,n")
    return place / "model"


def network(folder, right, answered=1000) -> NetworkJudge:
    "The network beside a grammar whose T was right so often."
    return NetworkJudge(folder, RuleCalibration({"t": {"made": (right, answered)}}, {"t": {"T1": 1, "T2": 1}}))


def stated(label):
    return {"t": Finding("t", label, f"p{label}", (Span(0, 3),), "made")}


def test_the_surer_of_grammar_and_network_answers(folder):
    predicted = network(folder, 0)._probabilities(TEXTS[:1])
    best = FIELDS["t"].trained[int(predicted["t"][0].argmax())]
    other = next(label for label in FIELDS["t"].trained if label != best)
    sure = network(folder, 1000).judge(TEXTS[:1], [stated(other)])[0]["t"]
    unsure = network(folder, 0).judge(TEXTS[:1], [stated(other)])[0]["t"]
    assert sure.label == other and sure.probabilities[other] > 0.95
    assert unsure.label == best and list(unsure.probabilities.values()) == pytest.approx(predicted["t"][0].tolist(), abs=1e-6)
    for judgement in (sure, unsure):
        assert tuple(judgement.probabilities) == FIELDS["t"].trained and sum(judgement.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_finding_that_networks_do_not_know_is_left_to_the_grammar(folder):
    judged = network(folder, 1000).judge(TEXTS[:1], [stated("Tis")])[0]["t"]
    assert judged.label in FIELDS["t"].trained  # the stager keeps Tis, which is none of these
    answer = Stager(RuleCalibration({}), network(folder, 1000)).stage("Bladder, biopsy: in situ carcinoma. Pathologic stage: pTis.")["t"]
    assert (answer.label, answer.basis) == ("Tis", "stated")


def test_the_evidence_of_a_network_is_the_piece_without_which_it_is_least_sure(folder, monkeypatch):
    judge, text = network(folder, 0), "The wall. " * 8 + "Deep growth here. " + "The wall. " * 8

    def probabilities(texts):
        deep = np.array(["Deep" in one for one in texts])
        return {"t": np.where(deep[:, None], [[0.1, 0.1, 0.7, 0.1]], [[0.4, 0.2, 0.2, 0.2]]).astype(np.float32)}

    monkeypatch.setattr(judge, "_probabilities", probabilities)
    texts = [text, "Nothing at all. Nothing."]
    assert [judged["t"].label for judged in judge.judge(texts, [{}, {}])] == ["T3", "T1"]
    ((start, end),), none = judge.evidence(texts, [{}, {}], [(0, "t", "T3"), (1, "t", "T1")])
    assert "Deep growth here." in text[start:end] and end - start < len(text) / 2 and none == ()


def test_a_network_stages_from_its_folder(folder):
    stager = Stager.from_pretrained(folder, min_confidence=0.0)
    staged = stager.stage(TEXTS[0])
    assert {"t", "n"} <= staged.values.keys()
    inferred = [value for name, value in staged.values.items() if name in ("t", "n") and value.basis == "inferred"]
    assert all(staged.text[piece.start:piece.end] == piece.text for value in inferred for piece in value.evidence)
    kept, least = stager.judge.model.config.calibration["t"], Stager.from_pretrained(folder, target_accuracy=0.9).thresholds["t"]
    assert least.stated == least.inferred == threshold_for_accuracy(kept["confidence"], kept["right"], 0.9, "wilson") and len(kept["right"]) == 12
    with pytest.raises(ValueError, match="own save_pretrained"):
        stager.save_pretrained(folder / "other")


def test_without_torch_the_extra_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    code = f"import sys; sys.modules['torch'] = None\nfrom cancer_staging.stager import Stager\ntry:\n    Stager.from_pretrained({str(tmp_path)!r})\nexcept ImportError as error:\n    print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'cancer-staging[learn]'" in done.stdout and str(tmp_path) in done.stdout
