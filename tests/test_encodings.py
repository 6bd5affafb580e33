"Bytes of text files: what they say comes out, in whatever encoding, and always as text that can be stored."
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import read_bytes

from cancer_staging.reading.encodings import clean_text, decode_text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff")))
@settings(max_examples=300, deadline=None)
def test_utf8_text_is_read_as_it_stands(text):
    assert decode_text(text.encode("utf-8")) == text
    assert decode_text(text.encode("utf-8-sig")) == text
    assert decode_text(text.encode("utf-16")) == text


@given(st.binary(max_size=3000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_text_that_can_be_stored(data):
    text = decode_text(data)
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\0" not in text and "\r" not in text


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_cleaning_is_done_once(text):
    assert clean_text(clean_text(text)) == clean_text(text) or text.startswith("\ufeff\ufeff")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Größe 2 cm – T2".encode("cp1252"), "Größe 2 cm – T2"),
        ("tumeur à 5 µm".encode("latin-1"), "tumeur à 5 µm"),
        (b"pT2\x81N0", "pT2\x81N0"),
        (b"pT2\x00pN0\r\nM0", "pT2 pN0\nM0"),
        ("pT2 pN0 ≥ 4 nodes".encode("utf-16-le"), "pT2 pN0 ≥ 4 nodes"),
    ],
    ids=["cp1252", "latin-1", "neither", "nul", "utf-16 without a mark"],
)
def test_text_files_in_old_encodings(tmp_path, data, text):
    report = read_bytes(tmp_path, "case.txt", data)
    assert (report.status, report.error, report.text) == ("ok", None, text)
