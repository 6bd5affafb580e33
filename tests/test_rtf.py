"RTF: what a reader sees comes out, in the code page that each font has, and a hostile document costs little."
import random

import pytest

from cancer_staging.reading.limits import Limits
from cancer_staging.reading.rtf import rtf_text
from cancer_staging.runs import ReadError

FONTS = rb"{\fonttbl{\f0\fswiss\fcharset0 Arial{\*\falt Helvetica};}{\f1\fcharset238 Arial CE;}{\f2\fcharset2 Wingdings;}{\f3\fcharset2 Symbol;}{\f4\fcharset128 MS Gothic;}{\f5\fcharset204 Arial Cyr;}}"


def rtf(body, head=rb"\ansi\ansicpg1252\deff0"):
    return rb"{\rtf1" + head + FONTS + b"\n" + body + b"}"


def read(body):
    return rtf_text(rtf(body), Limits())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"one\par two\line three\par\par\par four", "one\ntwo\nthree\n\nfour"),
        (b"duc\r\ntal \r\ncarcinoma", "ductal carcinoma"),
        (rb"duc{\b tal} {\i car}cinoma\b0 , pT2{\sub a}", "ductal carcinoma, pT2a"),
        (rb"gr\'f6\'dfer {\f1 V\'fd\'9aka} {\f5 \'f0\'e0\'ea}", "größer Výška рак"),
        (rb"{\f4 \'8a\'e0\'83A}", "癌ア"),
        (rb"\u8805?4 {\uc2\u8804<=}5 \uc0\u177 6 \uc1\u-10187?", "≥4 ≤5 ±6 \ufffd"),
        (rb"\uc1\u55357?\u56832?", "\U0001f600"),
        (rb"\u8805\'b3 4, \u946 bcd", "≥ 4, βcd"),
        (rb"2\~cm, non\_small, carci\-noma \{a\} \\ \emdash\bullet\lquote x\rquote", "2 cm, non-small, carcinoma {a} \\ —•‘x’"),
        (rb"{\f2 \'fe} pT2 {\f2\'a8} pT3 {\f3 \'b3}4 {\f2\u-3843?}", "☑ pT2 ☐ pT3 ≥4 ☒"),
        (rb"{\strike pT3}pT2{\striked1 a}{\v hidden \u8805?\'e4}{\deleted b} \strike x\strike0 y\v z\plain end", "pT2 yend"),
        (rb"{\revised pT2}", "pT2"),
        (rb"{\info{\title pT4}{\author Nobody}}{\stylesheet{\s1 heading;}}{\colortbl;\red0;}{\*\generator pT4;}{\*\nothing pT4{\b pT4}}pT2", "pT2"),
        (rb"{\field{\*\fldinst HYPERLINK http://a}{\fldrslt see pT2}}", "see pT2"),
        (rb"{\pict\pngblip 89504e47}pT2{\object{\*\objdata 0102}{\result pN0{\pict 00}}}", "pT2pN0"),
        (rb"{\pict\bin7 }}{{\'}}pT2", "pT2"),
        (rb"{\pntext\f3\'b7\tab}{\*\pn\pnlvlblt}item", "•\titem"),
        (rb"{\upr{pT2}{\*\ud pT3}}", "pT2"),
        (rb"{\header Case 7\par}{\footer Page 1\par}pT2{\footnote see below} pN0\par", "Case 7\npT2 pN0\n\nPage 1\nsee below"),
        (rb"colon{\shp{\*\shpinst\shpleft1{\sp{\sn shapeType}{\sv 202}}{\shptxt pT2\par}}{\shprslt{\*\do pT2}}} end", "colon\npT2\n end"),
        (rb"{\field{\*\fldinst FORMCHECKBOX{\*\formfield{\fftype1\ffres1{\*\ffname a}}}}{\fldrslt}} pT2", "☒ pT2"),
        (rb"{\field{\*\fldinst FORMCHECKBOX{\*\formfield{\fftype1\ffres25\ffdefres0}}}{\fldrslt}} pT3", "☐ pT3"),
        (rb"{\field{\*\fldinst FORMDROPDOWN{\*\formfield{\fftype2\ffres1{\*\ffl G1}{\*\ffl G2}}}}{\fldrslt}}", "G2"),
        (rb"before\par\trowd\pard\intbl Grade\cell 2\cell\row\trowd\intbl ER\cell Positive\cell 95%\cell\row\pard after\par", "before\nGrade: 2\nER\tPositive\t95%\nafter"),
        (rb"\trowd\pard\intbl pT\par pN\cell pT2\par pN0\cell\row\pard", "pT: pT2\npN: pN0"),
        (rb"\pard\intbl A\cell\pard\intbl\itap2 Grade\nestcell 2\nestcell{\*\nesttableprops\trowd\nestrow}{\nonesttables\par}\pard\intbl\cell\row\pard end", "A: Grade: 2\nend"),
        (rb"\intbl Grade\cell 2\cell", "Grade: 2"),
        (rb"\unknown12345 pT2\'zz\u \uc \f", "pT2zz"),
    ],
)
def test_what_a_reader_sees_of_rtf(body, text):
    assert read(body) == text


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (rb"\ansi\ansicpg1250", rb"V\'fd\'9aka", "Výška"),
        (rb"\mac", rb"gr\'9a\'a7er", "größer"),
        (rb"\pc", rb"gr\'94\'e1er", "größer"),
        (rb"\ansi\ansicpg65001", rb"gr\'c3\'b6\'c3\'9fer", "größer"),
        (rb"\ansi\ansicpg99999", rb"gr\'f6\'dfer", "größer"),
        (rb"\ansi\ansicpg932", rb"\'8a\'e0", "癌"),
        (rb"\ansi", b"gr\xf6\xdfer \x81", "größer \x81"),
    ],
)
def test_code_pages(head, body, text):
    assert rtf_text(b" \r\n\xef\xbb\xbf{\\rtf1" + head + b" " + body + b"}\n\0 trailing", Limits()) == text


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not an RTF document"),
        (b"pT2", "not an RTF document"),
        (b"{\\rtf1 pT2", "incomplete"),
        (rtf(b"pT2 {\\b")[:-1], "incomplete"),
        (b"{\\rtf1 pT2\\", "incomplete"),
        (b"{\\rtf1 {\\pict\\bin99999999 pT2}}", "incomplete"),
        (b"{\\rtf1" + b"{" * 100_000 + b"}" * 100_001, "deeper than any report"),
        (b"{\\rtf1" + b"{" * 50_000_000, "more marks than any report"),
        (b"{\\rtf1" + b"\\b" * 7_000_000 + b"}", "more marks than any report"),
    ],
    ids=range(9),
)
def test_damaged_and_hostile_rtf_is_refused(data, told):
    with pytest.raises(ReadError, match=told):
        rtf_text(data, Limits())


HOSTILE = {  # striprtf's own expressions take quadratic time on the first three
    "links": rb"{\field{\*\fldinst HYPERLINK }}" * 20_000,
    "fonts": rb"{\fonttbl" + rb"\f1 " * 100_000 + b"}",
    "names": rb"{\fonttbl" + rb"{\f1 abcdefgh}" * 100_000 + b"}",
    "groups": rb"{}" * 100_000,
    "deep": rb"{" * 9_000 + rb"}" * 9_000,
    "pictures": rb"{\pict " + b"0a" * 5_000_000 + b"}",
    "numbers": rb"\uc2147483647\fs9999999999\f-1\ansicpg-1\bin-5 \u" * 1_000,
    "rows": rb"\intbl\cell" * 50_000 + rb"\row",
    "inner rows": rb"\nestcell\nestrow" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rtf_is_read(name):
    assert read(HOSTILE[name] + rb"\par pT2") == "pT2"


def test_reading_stops_after_the_limit_of_characters():
    text = rtf_text(rtf(b"pT2 {\\b pN0} " * 1_000), Limits(text_chars=100))
    assert 100 < len(text) < 200 and text.startswith("pT2 pN0 pT2")


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_to_rtf_raises_anything_else(seed):
    dice = random.Random(seed)
    data = bytearray(rtf(rb"{\header a\par}\trowd\intbl Grade\cell{\strike 2}\cell\row\pard\u8805?4{\footnote x}{\f2\'fe}{\field{\*\fldinst{\*\formfield{\fftype1\ffres1}}}{\fldrslt}}"))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(5, len(data))
        data[at : at + dice.randint(0, 9)] = dice.choice([b"", b"{", b"}", b"\\", b"\\row", b"\\cell", b"\\nestrow", b"\\'", bytes([dice.randrange(256)])])
    try:
        text = rtf_text(bytes(data), Limits())
        assert text.encode("utf-8").decode("utf-8") == text
    except ReadError:
        pass


def test_a_report_in_rtf_is_staged():
    from cancer_staging import Stager

    row = rb"\trowd\cellx1\cellx2\pard\intbl %s\cell %s\cell\row\pard "
    rows = [(b"Histologic grade", b"G3"), (b"Tumor size", rb"2.5\~cm"), (b"pT", rb"{\strike pT3}pT2"), (b"pN", rb"pN1{\sub a}"), (b"Lymph nodes positive", b"2"), (b"Lymph nodes examined", b"14"), (b"ER", b"Positive")]
    body = rb"FINAL DIAGNOSIS\par Breast, left, mastectomy: invasive ductal carcinoma\par " + b"".join(row % pair for pair in rows)
    report = Stager.from_pretrained("rules").stage(read(body))
    read_as = {name: (value.label, value.evidence[0].text) for name, value in report.values.items()}
    assert read_as["t"] == ("T2", "pT2") and read_as["n"] == ("N1", "pN1a")
    assert [read_as[name][0] for name in ("grade", "tumor_size_mm", "nodes_positive", "nodes_examined", "er")] == ["G3", "25", "2", "14", "positive"]
