"HTML and XML: what a reader sees comes out, line by line, and a hostile document costs little."
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging.reading import markup
from cancer_staging.reading.markup import element_text, html_text, markup_text, parse_xml, row_text
from cancer_staging.runs import ReadError


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("pT2 pN0", "pT2 pN0"),
        ("", ""),
        (" \n ", ""),
        ("<!-- only a comment -->", ""),
        ("<p>one<p>two", "one\ntwo"),
        ("<div>one<div>two</div>three</div>four", "one\ntwo\nthree\nfour"),
        ("one<br>two<br/><br>three", "one\ntwo\n\nthree"),
        ("<p>one</p><p>&nbsp;</p><p>&nbsp;</p><p>two</p>", "one\n\ntwo"),
        ("duct<b>al car</b>cin<i></i>oma", "ductal carcinoma"),
        ("  too \n\t many\r\n  blanks ", "too many blanks"),
        ("ER:&nbsp;&nbsp;positive", "ER:  positive"),
        ("&lt;1% &ge; 4 &#8804; 5 &amp; 6", "<1% \u2265 4 \u2264 5 & 6"),
        ("5 cm<sup>2</sup>, pT2<sub>a</sub>", "5 cm2, pT2a"),
        ("carci&shy;noma p<wbr>T&#8203;2", "carcinoma pT2"),
        ("pT1 <del>pT3</del><s>pT3</s><strike>pT3</strike><ins>pT2</ins>", "pT1 pT2"),
        ("<span style='TEXT-DECORATION:line-through'>pT3</span>pT2", "pT2"),
        ("<p hidden>pT4</p><p style='display : none'>pT4<b>pN2</b></p><span style='visibility:hidden'>pM1</span>pT1", "pT1"),
        ("<script>var a = '<p>pT4</p>';</script><style>p {}</style><title>pT4</title>pT1", "pT1"),
        ("<pre>pT2\n  pN0\n\tM0</pre>end", "pT2\n  pN0\n\tM0\nend"),
        ("<div style='white-space:pre-wrap'>a  b\nc<span style='white-space: normal'>d   e</span></div>f   g", "a  b\ncd e\nf g"),
        ("<ul><li>one<li>two<ul><li>three</ul></ul>", "one\ntwo\nthree"),
        ("<h1>FINAL DIAGNOSIS</h1>Colon", "FINAL DIAGNOSIS\nColon"),
        ("<table><tr><th>pT<th>pN<th>pM<tr><td>2<td>1a<td>X</table>", "pT\tpN\tpM\n2\t1a\tX"),
        ("<table><tr><td>ER<td></td><td>Positive</table>", "ER: Positive"),
        ("<table><tr><td>pT<br>pN<td>pT2<br>pN0</table>", "pT: pT2\npN: pN0"),
        ("<table><tr><td>Diagnosis<td><p>Carcinoma.<p>pT2</table>", "Diagnosis: Carcinoma.\npT2"),
        ("<table><tr><td><table><tr><td>Grade<td>2</table></td></tr></table>", "Grade: 2"),
        ("<table><td>Grade<td>2</table>after", "Grade\n2\nafter"),
        ("<tr><td>Grade</td><td>2</td></tr>", "Grade: 2"),
        ("<input type=checkbox checked>pT2 <input type=checkbox>pT3 <input value='1.5 cm'><input type=hidden value=7>", "\u2612 pT2 \u2610 pT3 1.5 cm"),
        ("<select><option>pT1<option selected>pT2<option>pT3</select>", "pT2"),
        ("<?xml version='1.0' encoding='utf-16'?><html xmlns='http://www.w3.org/1999/xhtml'><body><p>pT2<br/>pN0</p></body></html>", "pT2\npN0"),
        ("<!DOCTYPE html><html><head><meta charset='utf-16'></head><body>pT2 \u2265</body></html>", "pT2 \u2265"),
        ("<p>never closed <b>pT2", "never closed pT2"),
        ("size < 2 cm & pT1", "size < 2 cm & pT1"),
        ("nul\0 and \ud800 alone", "nul and \ufffd alone"),
    ],
)
def test_what_a_reader_sees(source, text):
    assert html_text(source) == text


@pytest.mark.parametrize("size", [1, 3, 7])
def test_pieces_do_not_split_words(monkeypatch, size):
    monkeypatch.setattr(markup, "PIECE", size)
    page = "<p class='a b'>gr\u00f6\u00dfer &ge; 2&nbsp;cm<!-- no --><br>pT2<sub>a</sub></p><script>x</script><table><tr><td>Grade</td><td>G2</td></tr></table>"
    assert html_text(page) == "gr\u00f6\u00dfer \u2265 2 cm\npT2a\nGrade: G2"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_html_in_old_encodings(codec):
    assert html_text("<html><p>Gr\u00f6\u00dfe 2\u00a0cm \u2013 pT1 of the left kidney</html>".encode(codec)) == "Gr\u00f6\u00dfe 2 cm \u2013 pT1 of the left kidney"


def test_a_declared_encoding_counts_where_the_bytes_do_not_tell():
    assert html_text("<meta charset=koi8-r><p>\u0440\u0430\u043a pT2".encode("koi8-r")) == "\u0440\u0430\u043a pT2"
    assert html_text(b"<meta http-equiv=Content-Type content='text/html; charset=iso-8859-1'>2 \x96 3") == "2 \u2013 3"
    for name in (b"punycode", b"unicode_escape", b"zlib", b"nothing", b"utf-7"):
        assert html_text(b"<meta charset=" + name + b">T\xfcmor") == "T\u00fcmor"


@given(st.text(max_size=300), st.lists(st.sampled_from(["<p>", "<td>", "<tr>", "</tr>", "<table>", "</table>", "<pre>", "</p>", "<s>", "</s>", "<br>", "<", "&", "<!--", "]]>", "pT2"]), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_markup_gives_text(text, marks):
    seen = html_text("".join(marks) + text)
    assert seen.encode("utf-8").decode("utf-8") == seen and "\r" not in seen and "\0" not in seen


HOSTILE = {
    "deep": "<b>" * 100_000 + "pT2" + "</b>" * 10_000,
    "deep blocks": "<div>" * 100_000 + "pT2",
    "deep tables": "<table><tr><td>" * 30_000 + "pT2",
    "deep lists": "<ul><li>" * 50_000 + "pT2",
    "struck": "<s>" * 100_000 + "</s>" * 1_000 + "pT2",
    "attributes": "<p" + "".join(f" a{number}=1" for number in range(50_000)) + ">pT2",
    "blanks": "<p>" + " " * 1_000_000 + "pT2",
    "breaks": "<br>" * 200_000 + "pT2",
    "rows": "<table>" + "<tr><td>" * 100_000 + "pT2",
    "style": "<p style='" + "display " * 100_000 + "'>pT2",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_is_read(name):
    assert html_text(HOSTILE[name]).strip() == ("" if name == "struck" else "pT2")


def test_hostile_end_tags_are_refused():
    "libxml2 looks for the start of each among all open elements: 10,000,000,000 steps here."
    with pytest.raises(ReadError, match="deeper than any report"):
        html_text("<b>" * 200_000 + "</i>" * 200_000)


def test_megabytes_of_open_elements_are_read():
    assert html_text("<b>" * 2_000_000 + "pT2") == "pT2"


def xml(body, declaration='<?xml version="1.0"?>'):
    return f'{declaration}<text xmlns="urn:hl7-org:v3">{body}</text>'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<paragraph>one</paragraph><paragraph>two <content styleCode='Bold'>bo</content>ld</paragraph>", "one\ntwo bold"),
        ("<list><item>one</item><item><caption>Grade</caption>G2</item></list>", "one\nGrade: G2"),
        ("<table><caption>Receptors</caption><tr><th>ER</th><td>Positive</td></tr></table>", "Receptors\nER: Positive"),
        ("pT<content revised='delete'>3</content><content revised='insert'>2</content>", "pT2"),
        ("one<!-- no --> two<?no pi?> three<br/>four", "one two three\nfour"),
        ("pT2<sub>a</sub> &#8805; <![CDATA[<4 mm]]>", "pT2a \u2265 <4 mm"),
    ],
)
def test_narrative_of_cda(body, text):
    assert element_text(parse_xml(xml(body).encode(), "the document")) == text


def test_the_words_after_an_element_are_not_its_own():
    root = parse_xml(b"<a>before<b>inner</b>after</a>", "the document")
    assert element_text(root[0]) == "inner"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_xml_in_any_encoding(codec):
    declared = '<?xml version="1.0" encoding="%s"?>' % codec.removesuffix("-sig")
    assert element_text(parse_xml(xml("gr\u00f6\u00dfer", declared).encode(codec), "the document")) == "gr\u00f6\u00dfer"


def laughs(levels=9, wide=10):
    entities = "".join(f'<!ENTITY l{level + 1} "{f"&l{level};" * wide}">' for level in range(levels))
    return f'<!DOCTYPE a [<!ENTITY l0 "ha">{entities}]>', f"&l{levels};"


@pytest.mark.parametrize(
    "document",
    [
        laughs()[0] + f"<a>{laughs()[1]}</a>",
        laughs()[0] + f"<a b='{laughs()[1]}'/>",
        f'<!DOCTYPE a [<!ENTITY x "{"x" * 100_000}">]><a>{"&x;" * 10_000}</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/none.dtd"><a/>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/none.dtd">%x;]><a/>',
        "<!DOCTYPE a><a/>",
    ],
    ids=["laughs", "laughs in an attribute", "quadratic", "file", "dtd", "parameter entity", "bare"],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_no_document_type_is_read(document, codec):
    declared = f'<?xml version="1.0" encoding="{codec}"?>'
    with pytest.raises(ReadError, match="the document declares a document type"):
        parse_xml((declared + document).encode(codec), "the document")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "damaged"),
        (b"not xml", "damaged"),
        (b"<a><b></a>", "damaged at line 1"),
        (b"<a>\n&nbsp;</a>", "damaged at line 2"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "damaged"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "deeper than any report"),
        (b"<a>" + b"<b/>" * 2_000_001 + b"</a>", "split it"),
        (b"<a " + b"b='' " * 2_000_001 + b"/>", "split it"),
        (b"\xff\xfe<\x00a", "damaged"),
        (b"<a>\xff\xff\xff</a>", "damaged"),
    ],
    ids=range(10),
)
def test_damaged_and_hostile_xml_is_refused(document, told):
    with pytest.raises(ReadError, match=told):
        parse_xml(document, "the document")


def test_a_scan_may_be_embedded():
    value = "A" * 12_000_000
    assert parse_xml(f"<a>{value}</a>".encode(), "the document").text == value


def test_columns_of_prose_are_not_mixed():
    left, right = "The specimen is received fresh, labelled with the name.\n" * 2, "A second column of prose that is longer than any label in a table would be.\nEnd."
    assert row_text([left, right]) == f"{left.strip()}\n{right}"


def test_encodings_of_markup_are_those_of_texts():
    assert markup_text("Gr\u00f6\u00dfe".encode("utf-16")) == "Gr\u00f6\u00dfe"


def test_a_report_in_html_is_staged():
    from cancer_staging import Stager

    page = """<html><body><h2>FINAL DIAGNOSIS</h2><p>Breast, left, mastectomy: invasive ductal carcinoma</p><table>
    <tr><td>Histologic grade</td><td>G3</td></tr><tr><td>Tumor size</td><td>2.5&nbsp;cm</td></tr>
    <tr><td>pT</td><td><del>pT3</del> pT2</td></tr><tr><td>pN</td><td>pN1<sub>a</sub></td></tr>
    <tr><td>Lymph nodes positive</td><td>2</td></tr><tr><td>Lymph nodes examined</td><td>14</td></tr>
    <tr><td>ER</td><td>Positive</td><td>95%</td></tr><tr><td>PR</td><td>Negative</td><td>0%</td></tr></table></body></html>"""
    report = Stager.from_pretrained("rules").stage(html_text(page))
    read = {name: (value.label, value.evidence[0].text) for name, value in report.values.items() if name in ("t", "n", "grade", "er", "pr", "nodes_examined")}
    assert read["t"] == ("T2", "pT2") and read["n"] == ("N1", "pN1a") and read["er"][0] == "positive" and read["pr"][0] == "negative"
    assert read["grade"][0] == "G3" and "G3" in read["grade"][1] and read["nodes_examined"][0] == "14"
    assert report["nodes_positive"].label == "2" and report["tumor_size_mm"].label == "25"
