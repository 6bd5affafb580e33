"Word, RTF and DICOM: what a reader sees comes out, what is struck or hidden does not, and hostile files cost little."
import io
import random
import zipfile

import pytest
from docx import Document
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from lxml import etree

from cancer_staging.reading import office
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.office import dicom_pdf, docx_text, symbol_text
from cancer_staging.runs import ReadError

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SPACES = f"""xmlns:w="{WORD}" xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"
 xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" xmlns:v="urn:schemas-microsoft-com:vml" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" """


def saved(document):
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def made(body, change=None):
    "A Word document of this XML; `change` does more to it before it is saved."
    document = Document()
    root = etree.fromstring(f"<w:body {SPACES}>{body}</w:body>")
    for number, element in enumerate(root):
        document.element.body.insert(number, element)
    if change:
        change(document)
    return saved(document)


def read(body, change=None):
    return docx_text(made(body, change), Limits())


def run(text, properties=""):
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def paragraph(*runs, properties=""):
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(item if item.startswith('<') else run(item) for item in runs)}</w:p>"


def cell(content, properties=""):
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def row(*cells, properties=""):
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(item if item.startswith('<') else cell(paragraph(item)) for item in cells)}</w:tr>"


def table(*rows):
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(rows)}</w:tbl>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (paragraph("one") + paragraph() + paragraph() + paragraph("two"), "one\n\ntwo"),
        (paragraph("duc", "tal  ca", "rcinoma"), "ductal  carcinoma"),
        (paragraph("pT2", run("a", "<w:vertAlign w:val='subscript'/>")), "pT2a"),
        (paragraph("one<!-- -->".replace("<!-- -->", ""), "<w:r><w:br/><w:t>two</w:t><w:tab/><w:t>three</w:t><w:cr/></w:r>"), "one\ntwo\tthree"),
        (paragraph("<w:r><w:t>non</w:t><w:noBreakHyphen/><w:t>small car</w:t><w:softHyphen/><w:t>cinoma</w:t></w:r>"), "non-small carcinoma"),
        (paragraph("pT", "<w:del><w:r><w:delText>3</w:delText></w:r></w:del>", f"<w:ins>{run('2')}</w:ins>"), "pT2"),
        (paragraph(f"<w:moveFrom>{run('pT3 ')}</w:moveFrom>", f"<w:moveTo>{run('pT2')}</w:moveTo>"), "pT2"),
        (paragraph(run("pT3", "<w:strike/>"), run("pT4", "<w:dstrike w:val='true'/>"), run("pN2", "<w:vanish/>"), run("pT2", "<w:strike w:val='0'/>")), "pT2"),
        (paragraph("<w:r><w:instrText>DATE pT4</w:instrText></w:r>", "<w:fldSimple w:instr='PAGE'>" + run("3") + "</w:fldSimple>"), "3"),
        (paragraph(f"<w:hyperlink r:id='rId99'>{run('see pT2')}</w:hyperlink>", f"<w:smartTag>{run(' pN0')}</w:smartTag>"), "see pT2 pN0"),
        (f"<w:sdt><w:sdtContent>{paragraph('pT2')}</w:sdtContent></w:sdt>", "pT2"),
        (paragraph(f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{run('Choose a pT4')}</w:sdtContent></w:sdt>", "pT2"), "pT2"),
        (paragraph(f"<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val='1'/></w14:checkbox></w:sdtPr><w:sdtContent>{run('☒')}</w:sdtContent></w:sdt>", " pT2"), "☒ pT2"),
        (paragraph("<w:r><w:sym w:font='Wingdings' w:char='F0FE'/></w:r>", " pT2 ", "<w:r><w:sym w:font='Wingdings' w:char='F0A8'/></w:r>", " pT3"), "☑ pT2 ☐ pT3"),
        (paragraph("<w:r><w:sym w:font='Symbol' w:char='F0B3'/></w:r>", " 4", "<w:r><w:sym w:font='Wingdings' w:char='F001'/><w:sym w:char='xyz'/></w:r>"), "≥ 4\ufffd"),
        (paragraph(run("\u00fe", "<w:rFonts w:ascii='Wingdings'/>"), run(" \u00fe", "<w:rFonts w:ascii='Arial'/>")), "☑ þ"),
        (paragraph("<w:r><w:fldChar><w:ffData><w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox></w:ffData></w:fldChar></w:r>", " pT2"), "☒ pT2"),
        (paragraph("<w:r><w:fldChar><w:ffData><w:checkBox><w:default w:val='0'/></w:checkBox></w:ffData></w:fldChar></w:r>", " pT3"), "☐ pT3"),
        (paragraph("<w:r><w:fldChar><w:ffData><w:ddList><w:result w:val='1'/><w:listEntry w:val='G1'/><w:listEntry w:val='G2'/></w:ddList></w:ffData></w:fldChar></w:r>"), "G2"),
        (paragraph("size <m:oMath><m:r><m:t>≥4</m:t></m:r></m:oMath>".replace("size ", "<w:r><w:t>size</w:t></w:r>"), " mm"), "size≥4 mm"),
        (table(row("Grade", "G2"), row("ER", "Positive", "95%")), "Grade: G2\nER\tPositive\t95%"),
        (table(row(cell(paragraph("pT") + paragraph("pN")), cell(paragraph("pT2") + paragraph("pN0")))), "pT: pT2\npN: pN0"),
        (table(row(cell(paragraph("wide"), "<w:gridSpan w:val='2'/>")), row("Grade", "G2")), "wide\nGrade: G2"),
        (table(row(cell(paragraph("A"), "<w:vMerge w:val='restart'/>"), "pT2"), row(cell(paragraph("A again"), "<w:vMerge/>"), "pN0")), "A: pT2\npN0"),
        (table(row("Grade", "G3", properties="<w:del/>"), row("Grade", "G2", properties="<w:ins/>")), "Grade: G2"),
        (table(row(cell(table(row("Grade", "G2"), row("pT", "pT2")) + paragraph()))), "Grade: G2\npT: pT2"),
        (paragraph("1", properties="<w:tabs><w:tab w:val='left' w:pos='1'/></w:tabs><w:numPr><w:numId w:val='1'/></w:numPr>") + paragraph("2"), "1\n2"),
    ],
)
def test_what_a_reader_sees_of_word(body, text):
    assert read(body) == text


def box(words):
    "A text box as Word writes it: the shape, and a copy of it for old programs."
    content = f"<w:txbxContent>{paragraph(words)}</w:txbxContent>"
    return (
        f"<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:wsp><wps:txbx>{content}</wps:txbx></wps:wsp></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{content}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


def test_a_text_box_comes_once_after_its_paragraph():
    assert read(paragraph("colon ", box("pT2 pN0"), "carcinoma") + paragraph("end")) == "colon carcinoma\npT2 pN0\nend"
    assert read(table(row(cell(paragraph("Stage", box("pT2")))))) == "Stage\npT2"
    old = f"<w:r><w:pict><v:textbox><w:txbxContent>{table(row('Grade', 'G2'))}</w:txbxContent></v:textbox></w:pict></w:r>"
    assert read(paragraph("see", old)) == "see\nGrade: G2"


def test_an_alternative_of_nothing_is_read():
    assert read(paragraph(f"<mc:AlternateContent><mc:Fallback>{run('pT2')}</mc:Fallback></mc:AlternateContent>")) == "pT2"


def test_styles_strike_out_and_hide():
    def change(document):
        for kind, name, based, properties in (("character", "Gone", None, "<w:strike/>"), ("character", "GoneToo", "Gone", "<w:b/>"), ("paragraph", "Secret", None, "<w:vanish/>"), ("character", "Loop", "Loop", "")):
            based_on = f"<w:basedOn w:val='{based}'/>" if based else ""
            document.styles.element.append(etree.fromstring(f"<w:style {SPACES} w:type='{kind}' w:styleId='{name}'><w:name w:val='{name}'/>{based_on}<w:rPr>{properties}</w:rPr></w:style>"))

    style = "<w:rStyle w:val='%s'/>"
    body = paragraph(run("pT3", style % "GoneToo"), run("pT2", style % "Gone" + "<w:strike w:val='false'/>"), run("a", style % "Loop"), run("!", style % "Unknown"))
    body += paragraph("pM1", run(" pN0", "<w:vanish w:val='off'/>"), properties="<w:pStyle w:val='Secret'/>")
    assert read(body, change) == "pT2a!\n pN0"


def test_headers_and_footers_that_are_shown():
    def change(document):
        section = document.sections[0]
        section.header.paragraphs[0].text, section.footer.paragraphs[0].text = "Case S24-7", "Page 1"
        section.first_page_header.paragraphs[0].text, section.even_page_header.paragraphs[0].text = "First", "Even"
        document.add_section()  # its header is that of the first

    assert read(paragraph("pT2"), change).split() == "Case S24-7 pT2 Page 1".split()

    def change_more(document):
        change(document)
        document.sections[0].different_first_page_header_footer = True
        document.settings.odd_and_even_pages_header_footer = True
        document.sections[1].header.is_linked_to_previous = False
        document.sections[1].header.paragraphs[0].text = "Addendum"

    assert read(paragraph("pT2"), change_more).split() == "First Case S24-7 Even Addendum pT2 Page 1".split()


def test_notes_come_last_where_they_are_referred_to():
    def change(document):
        for kind in ("footnote", "endnote"):
            notes = "".join(f"<w:{kind} w:id='{number}'>{paragraph(f'{kind} {number}')}</w:{kind}>" for number in (0, 1, 2))
            part = Part(PackURI(f"/word/{kind}s.xml"), f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}s+xml", f"<w:{kind}s {SPACES}>{notes}</w:{kind}s>".encode(), document.part.package)
            document.part.relate_to(part, f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}s")

    body = paragraph("pT2", "<w:r><w:endnoteReference w:id='2'/></w:r>", "<w:r><w:footnoteReference w:id='1'/></w:r>", "<w:del><w:r><w:footnoteReference w:id='2'/></w:r></w:del>", "<w:r><w:footnoteReference w:id='9'/></w:r>")
    assert read(body, change).split("\n") == ["pT2", "", "endnote 2", "footnote 1"]


@pytest.mark.parametrize(
    ("kind", "data", "text"), [("text/html", b"<p>pT2<s>pT3</s>", "pT2\nend"), ("text/plain", b"pT2", "pT2\nend"), ("application/rtf", b"{\\rtf1 pT2}", None)]
)
def test_files_that_are_inserted_whole(kind, data, text):
    def change(document):
        key = document.part.relate_to(Part(PackURI("/word/part1.dat"), kind, data, document.part.package), "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk")
        document.element.body.insert(0, etree.fromstring(f"<w:altChunk {SPACES} r:id='{key}'/>"))

    if text is None:
        with pytest.raises(ReadError, match="another one inserted whole"):
            read(paragraph("end"), change)
    else:
        assert read(paragraph("end"), change) == text


def test_links_to_elsewhere_are_not_followed(monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", None)

    def change(document):
        for kind in ("image", "footnotes", "aFChunk", "subDocument", "attachedTemplate", "header"):
            document.part.relate_to("http://127.0.0.1:9/none", f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}", is_external=True)

    assert read(paragraph("pT2", "<w:r><w:footnoteReference w:id='1'/></w:r>"), change) == "pT2"


def rezipped(data, **changes):
    "The document with parts changed, by name with `_` for `/` and without suffix; None takes one out."
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = changes.get(name.rpartition(".")[0].replace("/", "_"), source.read(name))
            if content is not None:
                target.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "damaged or incomplete"),
        (b"pT2", "damaged or incomplete"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"an old Word document \(.doc\), or one with a password: save it as .docx or PDF"),
        (saved(Document())[:-30], "damaged or incomplete"),
        (rezipped(saved(Document()), word_document=None), "save it again as .docx"),
        (rezipped(saved(Document()), word_document=b"<w:document"), "save it again as .docx"),
        (rezipped(saved(Document()), word_document=b"<a/>"), "save it again as .docx"),
        (rezipped(saved(Document()), word_document=b"<a>" * 100_000), "save it again as .docx"),
        (rezipped(saved(Document()), word_styles=b"<a>"), "save it again as .docx"),
        (rezipped(saved(Document()), word_document=b"<a>" + b"<b/>" * 2_000_001), "more than 2,000,000 elements"),
        (rezipped(saved(Document()), **{"[Content_Types]": None}), "save it again as .docx"),
    ],
    ids=range(11),
)
def test_damaged_word_documents_are_refused(data, told):
    with pytest.raises(ReadError, match=told):
        docx_text(data, Limits())


def test_parts_are_counted_as_they_unpack():
    "Also a part that nobody refers to, and one whose declared size is a lie."
    data = rezipped(saved(Document()), word_fontTable=b" " * 2_000_000)
    with pytest.raises(ReadError, match="unpacks to more than 1 MB"):
        docx_text(data, Limits(unpacked_mb=1))
    lying = data.replace((2_000_000).to_bytes(4, "little"), (20).to_bytes(4, "little"))
    assert lying != data
    with pytest.raises(ReadError, match="the Word document is damaged"):
        docx_text(lying, Limits(unpacked_mb=1))


@pytest.mark.parametrize("entities", ["".join(f'<!ENTITY l{level + 1} "{f"&l{level};" * 10}">' for level in range(9)), '<!ENTITY l9 SYSTEM "file:///etc/passwd">', '<!ENTITY l9 "T3">'])
def test_entities_of_a_word_document_are_refused(entities):
    document = f"""<!DOCTYPE w:document [<!ENTITY l0 "ha">{entities}]><w:document {SPACES}><w:body>{paragraph("p&l9;")}</w:body></w:document>"""
    with pytest.raises(ReadError, match="the Word document declares a document type"):
        docx_text(rezipped(saved(Document()), word_document=document.encode()), Limits())


def test_many_parts_are_refused(monkeypatch):
    monkeypatch.setattr(office, "MOST_PARTS", 5)
    with pytest.raises(ReadError, match="more than 5 parts"):
        docx_text(saved(Document()), Limits())


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_to_word_raises_anything_else(seed):
    dice = random.Random(seed)
    whole = made(paragraph("pT2", box("pN0")) + table(row("Grade", "G2")))
    with zipfile.ZipFile(io.BytesIO(whole)) as source:
        document = bytearray(source.read("word/document.xml"))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(document))
        document[at : at + dice.randint(0, 20)] = dice.choice([b"", b"<", b"w:p", bytes([dice.randrange(256)])])
    try:
        assert isinstance(docx_text(rezipped(whole, word_document=bytes(document)), Limits()), str)
    except ReadError:
        pass


def test_symbol_fonts():
    assert symbol_text("Wingdings 2", "R\u00a3") == "☑☐" and symbol_text(" WINGDINGS ", "\uf0fd \uf0fc") == "☒ ✓"
    assert symbol_text("Symbol", "a\u00a3 5") == "α≤ 5" and symbol_text("", "\uf0fe") == "\uf0fe"


def dicom(document, syntax="1.2.840.10008.1.2.1"):
    pydicom = pytest.importorskip("pydicom")
    made = pydicom.dataset.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID, made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = syntax, "1.2.840.10008.5.1.4.1.1.104.1", "1.2.3"
    made.PatientName = "Nobody"
    if document:
        made.EncapsulatedDocument = document
    data = io.BytesIO()
    made.save_as(data, enforce_file_format=True)
    return data.getvalue()


def test_the_pdf_of_a_dicom_file():
    assert dicom_pdf(dicom(b"%PDF-1.4 pT2")) == b"%PDF-1.4 pT2"
    assert dicom_pdf(dicom(b"%PDF-1.4 pT2", "1.2.840.10008.1.2")) == b"%PDF-1.4 pT2"


def test_other_dicom_files_are_refused():
    for data, told in (
        (dicom(None), "holds no PDF"),
        (dicom(b"<ClinicalDocument/>"), "holds no PDF"),
        (b"pT2", "damaged"),
        (b"", "damaged"),
        (dicom(b"%PDF-1.4 pT2")[:140], "damaged|holds no PDF"),
        (dicom(b"%PDF-1.4 pT2", "1.2.840.10008.1.2.1.99"), "compressed as a whole"),
    ):
        with pytest.raises(ReadError, match=told):
            dicom_pdf(data)


def test_a_report_in_word_is_staged():
    from cancer_staging import Stager

    body = paragraph("FINAL DIAGNOSIS") + paragraph("Breast, left, mastectomy: invasive ductal carcinoma") + table(
        row("Histologic grade", "G3"), row("Tumor size", "2.5 cm"), row("pT", cell(paragraph(run("pT3", "<w:strike/>"), "pT2"))), row("pN", cell(paragraph("pN1", run("a", "<w:vertAlign w:val='subscript'/>")))),
        row("Lymph nodes positive", "2"), row("Lymph nodes examined", "14"), row("ER", "Positive", "95%"),
    )
    report = Stager.from_pretrained("rules").stage(read(body))
    read_as = {name: (value.label, value.evidence[0].text) for name, value in report.values.items()}
    assert read_as["t"] == ("T2", "pT2") and read_as["n"] == ("N1", "pN1a")
    assert [read_as[name][0] for name in ("grade", "tumor_size_mm", "nodes_positive", "nodes_examined", "er")] == ["G3", "25", "2", "14", "positive"]
