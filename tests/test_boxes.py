"""Tick boxes: what stands at an empty box is not stated, wherever the box stands."""
import pytest

from cancer_staging.rules.assembly import GRAMMAR


@pytest.mark.parametrize("text, field, label", [
    ("Primary tumor: pT1 [ ] pT2 [x] pT3 [ ] pT4 [ ]. colon", "t", "T2"),
    ("Primary tumor: [ ] pT1 [x] pT2 [ ] pT3", "t", "T2"),
    ("pT1 \u2610  pT2 \u2612  pT3 \u2610", "t", "T2"),
    ("pT2 \u2610 pT3 \u2611 pT4 \u2610  pN0 \u2611 pN1 \u2610", "n", "N0"),
    ("pN: pN0 [ ] pN1 [x]", "n", "N1"),
    ("Histologic grade: [ ] G1 [x] G2 [ ] G3", "grade", "G2"),
    ("Differentiation: [ ] well differentiated [x] poorly differentiated", "grade", "G3"),
    ("Estrogen receptor: ( ) positive ( ) negative", "er", None),
    ("Lymphovascular invasion: [ ] present [ ] absent", "lymphovascular_invasion", None),
    ("Margins: ___ involved _X_ uninvolved", "margin", "negative"),
    ("Margins: ( ) free. Dr. ( ) reviewed. Margins involved by carcinoma.", "margin", "positive"),
])
def test_only_the_ticked_choice_is_read(text, field, label):
    finding = GRAMMAR.read(text).get(field)
    assert (finding.label if finding else None) == label
    if finding:
        assert all(text[start:end].strip() for start, end in finding.evidence)
