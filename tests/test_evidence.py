"Evidence stands on the words. The reports are put together from marked sentences here, so where each begins and ends is known without the package."
import pytest

from cancer_staging.stager import Stager

BLADDER = ("Urinary bladder, radical cystectomy.", "High grade urothelial carcinoma.", "The tumor infiltrates through the muscularis propria into perivesical fat.", "Ureteral margins are negative.",
           "The prostate shows benign hyperplasia.", "The urethra is free of tumor.", "The specimen is received fresh.")
KIDNEY = ("Kidney, right, radical nephrectomy.", "Clear cell renal cell carcinoma, Fuhrman grade 2.", "The tumor measures 9.5 cm in greatest dimension and is confined to the kidney.",
          "The renal vein and the perinephric fat are free of tumor.", "The adrenal gland is unremarkable.", "The ureter margin is negative.", "No lymph nodes are submitted.")
LUNG = ("Lung, left upper lobe, lobectomy.", "Squamous cell carcinoma, moderately differentiated, 5.6 cm.", "The tumor invades the visceral pleura and the chest wall.",
        "The bronchial margin is negative.", "The vascular margin is negative.", "The remaining lung shows emphysema.", "The specimen is received fresh.")
NOTATION = ("pMX.", "cM0, pMX, (M0).", "TNM edition 7: pMX V0 L0 R0.", "Pathologic stage: pMX; distant metastasis (pM): cannot be assessed.")
TABLE = ("Procedure\tResection", "Specimen\tReceived fresh", "Block\tA1-A9", "Pathologic M\tpMX")


def marked(pieces, joints):
    "The text of the pieces and what is put before each, and where each piece stands: (start, end) → piece."
    text, places = "", {}
    for piece, before in zip(pieces, joints, strict=True):
        text += before
        places[len(text), len(text) + len(piece)] = piece
        text += piece
    return text, places


def layouts(sentences):
    "The sentences as a hospital may print them."
    count = len(sentences)
    yield "plain", marked(sentences, [""] + [" "] * (count - 1))
    yield "lines", marked(sentences, [""] + ["\n"] * (count - 1))
    yield "crlf", marked(sentences, [""] + ["\r\n"] * (count - 1))
    yield "notation first", marked(sentences, [" ".join(NOTATION) + " "] + [" "] * (count - 1))
    yield "notation between", marked(sentences, [""] + [f" {NOTATION[number % len(NOTATION)]} " for number in range(count - 1)])
    yield "table first", marked(sentences, ["\n".join(TABLE) + "\n\n"] + [" "] * (count - 1))
    yield "table and crlf", marked(sentences, ["\r\n".join(TABLE) + "\r\n\r\n"] + [f"\r\n{NOTATION[number % len(NOTATION)]}\r\n" for number in range(count - 1)])


CASES = [pytest.param(text, places, id=f"{name}, {layout}") for name, sentences in (("bladder", BLADDER), ("kidney", KIDNEY), ("lung", LUNG)) for layout, (text, places) in layouts(sentences)]


@pytest.fixture(scope="module")
def stager():
    return Stager.from_pretrained(min_confidence=0)  # shows all that is inferred


def inferred_with_evidence(stager, text):
    return {name: value for name, value in stager.stage(text).values.items() if name in ("t", "n", "m") and value.basis == "inferred" and value.evidence}


def test_the_cases_have_inferred_values_with_evidence(stager):
    "Else the next test tests nothing. Where several sentences say the same, or speak for another label, none alone may carry the answer."
    rests = ["t" in inferred_with_evidence(stager, case.values[0]) for case in CASES]
    assert sum(rests) >= 0.9 * len(rests)


@pytest.mark.parametrize("text, places", CASES)
def test_inferred_values_rest_on_whole_sentences(stager, text, places):
    for name, value in inferred_with_evidence(stager, text).items():
        assert len(value.evidence) <= 2
        for piece in value.evidence:
            assert (piece.start, piece.end) in places, f"{name}: {piece.text!r} is no marked sentence"
            assert piece.text == places[piece.start, piece.end]


SENTENCE = "Left breast, mastectomy: invasive ductal carcinoma of 1.4 cm with metastasis in one of twelve axillary lymph nodes."


@pytest.mark.parametrize("model", ["default", "rules"])
@pytest.mark.parametrize("before", ["", "pT1c pN1a MX. ", "Stage IIA (pT1c pN1a MX); AJCC stage: IIA. ", "T1c N1a M x\r\n", "pT 1 c , p N l a\tM X\n\n"])
def test_no_evidence_is_cut_inside_a_word(before, model):
    "What stood beside the words once: 'pT1c pN1a MX. Left breast' gave M the evidence '1a MX. Left breast'."
    text = before + SENTENCE
    values = Stager.from_pretrained(model).stage(text).values
    assert {"t", "n", "histology"} <= set(values)
    for name, value in values.items():
        for piece in value.evidence:
            cut = [place for place in (piece.start, piece.end) if 0 < place < len(text) and text[place - 1].isalpha() and text[place].isalpha()]
            assert not cut and piece.text == piece.text.strip() != "", f"{name}: {piece.text!r} is cut"
    if "m" in values and values["m"].basis == "inferred":
        assert [(piece.start, piece.end) for piece in values["m"].evidence] in ([], [(len(before), len(text))])
