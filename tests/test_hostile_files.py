"A file that costs more than any report is a row that says so; what follows it is read."
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import hostile_files
import pytest
from hostile_files import cut_short, form, mutated, stream, written
from made_files import drawn, encoded, LINES, pdf

from cancer_staging.reading import pdf as pdf_module
from cancer_staging.reading import process as process_module
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.pdf import image_content, join_pages, Page, pdf_content, read_pdf
from cancer_staging.reading.process import end_readers, IDLE, lent_reader, READERS, ReadingStopped
from cancer_staging.runs import ReadError

PROJECT = Path(__file__).resolve().parent.parent
LINUX = sys.platform == "linux"
posix = pytest.mark.skipif(os.name != "posix", reason="signals and fork")
linux = pytest.mark.skipif(not LINUX, reason="reads /proc")

DAMAGED = "damaged: open the PDF, print it to a new one and run again"
MEMORY = "the PDF takes more than 450 MB to read: print it to a new PDF, or raise the limit (--limit memory_mb=…)"
NO_TEXT = "no text was found on any page: check that it is the right file"
SCAN = "page 1 of 1: a scan, and OCR is off: use ocr 'auto'"
SMALL = "Kidney, left: renal cell carcinoma, pT3a pN0."

# What is told of each file without OCR, and the text where there is one; None where a reader may see it either way.
TOLD = {
    "draws_itself": (MEMORY, ""),
    "draws_a_billion": (MEMORY, ""),
    "kids_in_a_circle": (f"pages 1, 2 of 2: {DAMAGED}", ""),
    "parents_in_a_circle": (None, SMALL),
    "unpacks_a_gigabyte": (MEMORY, ""),
    "eight_million_characters": (MEMORY, ""),
    "claims_a_million_pages": (f"pages 4 to 1000000 of 1000000: {DAMAGED}", "\n\n".join([SMALL] * 3)),
    "has_a_picture": (SCAN, ""),
    "object_streams_in_a_circle": (NO_TEXT, ""),
    "deep_arrays": (None, SMALL),
    "deep_content": (None, SMALL),
    "index_in_a_circle": (None, SMALL),
    "glyph_draws_itself": (SCAN, ""),
    "tiles_without_end": (SCAN, ""),
    "huge_page": (SCAN, ""),
    "thin_page": (SCAN, ""),
    "encrypted": ("the PDF is encrypted: remove the password and run again", ""),
    "image_of_3_600_million_points": ("the image is larger than any page: scan it at 300 dots per inch", ""),
    "image_of_170_million_points": (SCAN, ""),
    "pages_in_a_circle": (SCAN, ""),
}
READ = """
import json, resource, sys
from cancer_staging.reading.process import end_readers
from cancer_staging.reading.reports import read_reports
rows = {report.report_id: (str(report.status), report.error, report.text) for report in read_reports(sys.argv[1], ocr="never", workers=2)}
end_readers()
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) if sys.platform == "linux" else 0
print(json.dumps([rows, own / 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    "Rows, and the MB of the process that reads and of its largest child, for a folder in which a good file follows each hostile one."
    folder = tmp_path_factory.mktemp("hostile")
    made = {**hostile_files.PDFS, **hostile_files.IMAGES}
    for name in TOLD:
        suffix = ".pdf" if name in hostile_files.PDFS else ".tif" if name == "pages_in_a_circle" else ".png"
        (folder / f"{name}{suffix}").write_bytes(made[name]())
        (folder / f"{name}_then.pdf").write_bytes(pdf(LINES))
    done = subprocess.run([sys.executable, "-c", READ, folder], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", TOLD)
def test_a_hostile_file_is_a_row_and_the_next_is_read(read, name):
    rows, _, _ = read
    status, error, text = rows[name]
    told, expected = TOLD[name]
    assert (error, text) == (told, expected)
    assert status == ("ok" if expected else "empty" if told == NO_TEXT else "error")
    assert rows[f"{name}_then"] == ["ok", None, "\n".join(LINES)]


@linux
def test_no_process_takes_a_gigabyte(read):
    _, own, largest = read
    assert own < 1000 and largest < 1000


def three_pages(*contents: bytes, objects: tuple[bytes, ...] = (), resources: bytes = b"") -> bytes:
    "A PDF with a page for each content; the objects begin with number 4."
    first = 4 + len(objects)
    kids = b" ".join(b"%d 0 R" % (first + 2 * place) for place in range(len(contents)))
    pages = []
    for place, content in enumerate(contents):
        number = first + 2 * place + 1
        pages += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>%b>>>>" % (number, resources), stream(content)]
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return written(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, len(contents)), font, *objects, *pages)


def text_of(words: str) -> bytes:
    return b"BT /F 12 Tf 60 700 Td (%b) Tj ET" % words.encode()


def test_pages_before_the_costly_one_are_kept():
    itself = form(b"/X Do /X Do", b"/XObject<</X 4 0 R>>")
    data = three_pages(text_of("Left kidney: pT3a."), text_of("Nodes: pN0."), b"/X Do", text_of("Margins free."), objects=(itself,), resources=b"/XObject<</X 4 0 R>>")
    content = pdf_content(data, "never", Limits(memory_mb=150))
    assert content.text == "Left kidney: pT3a.\n\nNodes: pN0."
    assert content.note == "pages 3 to 4 of 4: not read, the PDF takes more than 150 MB to read: print it to a new PDF, or raise the limit (--limit memory_mb=…)"
    assert content.page_starts == ((1, 0), (2, 20))


def test_a_page_that_takes_too_long_is_given_up():
    with lent_reader() as reader:
        reader.open(hostile_files.tiles_without_end(), "pdf", Limits(seconds=1))
        with pytest.raises(ReadingStopped, match=r"the PDF takes more than 1 s to read: print it to a new PDF, or raise the limit \(--limit seconds=…\)"):
            reader.image(0)
    assert reader not in READERS and reader.process.returncode is not None
    assert pdf_content(pdf(LINES)).text == "\n".join(LINES)


@posix
def test_what_does_not_answer_is_ended_by_the_clock(monkeypatch):
    monkeypatch.setattr(process_module, "GRACE_SECONDS", -0.9)
    with lent_reader() as reader:
        os.kill(reader.process.pid, signal.SIGSTOP)
        with pytest.raises(ReadingStopped, match="the image takes more than 1 s to read: scan it at 300 dots per inch"):
            reader.open(b"", "image", Limits(seconds=1))
    assert reader.process.returncode == -signal.SIGKILL


@posix
def test_a_crash_is_told_and_loses_no_other_file(monkeypatch):
    class Crashing(process_module.PageReader):
        def content(self, number):
            os.kill(self.process.pid, signal.SIGSEGV)
            return super().content(number)

    end_readers()
    with monkeypatch.context() as patched:
        patched.setattr(process_module, "PageReader", Crashing)
        with pytest.raises(ReadError, match="the PDF makes the program that opens it crash: print it to a new PDF and run again"):
            pdf_content(pdf(LINES))
    assert not IDLE
    assert pdf_content(pdf(LINES)).text == "\n".join(LINES)


def test_more_pages_than_the_limit():
    data = three_pages(*(text_of(f"page {number}") for number in range(1, 6)))
    content = pdf_content(data, limits=Limits(pages=2))
    assert content.text == "page 1\n\npage 2"
    assert content.note == "pages 3 to 5 of 5: not read, there are more pages than the limit of 2: raise it (--limit pages=…)"
    assert pdf_content(data, limits=Limits(pages=5)).note is None


def test_more_frames_than_the_limit(monkeypatch):
    monkeypatch.setattr(pdf_module, "choose_engine", lambda ocr: "tesseract")
    monkeypatch.setattr(pdf_module, "ocr_image", lambda image, engine: f"tumor grade {image.getpixel((0, 0))}")
    frames = [drawn().point(lambda grey, level=level: level) for level in (1, 2, 3)]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert image_content(data).text == "tumor grade 1\n\ntumor grade 2\n\ntumor grade 3"
    content = image_content(data, limits=Limits(pages=2))
    assert content.text == "tumor grade 1\n\ntumor grade 2"
    assert content.note == "pages 3 and later: not read, there are more pages than the limit of 2: raise it (--limit pages=…)"


def test_more_characters_than_the_limit():
    content = pdf_content(hostile_files.half_a_million_characters(), limits=Limits(page_chars=9000))
    assert len(content.text) <= 9000 and content.text.startswith("Renal cell carcinoma invades the renal vein Renal")
    assert content.note.startswith("page 1 of 1: only the first 9000 of its ") and content.note.endswith("characters were read: raise the limit (--limit page_chars=…)")


def test_a_file_cut_short_says_so():
    for part in cut_short(pdf(LINES)):
        with pytest.raises(ReadError, match="the PDF is incomplete, its end is missing: get it again from its source"):
            pdf_content(part)


@pytest.mark.parametrize("name", ["pdf", "scan.pdf", "tiff", "png", "jpeg"])
def test_changed_bytes_end_in_a_text_or_a_message(monkeypatch, name):
    monkeypatch.setattr(pdf_module, "choose_engine", lambda ocr: "tesseract")
    monkeypatch.setattr(pdf_module, "ocr_image", lambda image, engine: "tumor")  # the picture is decoded, not read
    two = {"save_all": True, "append_images": [drawn().convert("1")], "compression": "group4"}
    good = {
        "pdf": lambda: pdf(LINES, None, LINES[:2]),
        "scan.pdf": lambda: pdf(drawn()),
        "tiff": lambda: encoded(drawn().convert("1"), "TIFF", **two),
        "png": lambda: encoded(drawn(), "PNG"),
        "jpeg": lambda: encoded(drawn(), "JPEG"),
    }[name]()
    content_of = pdf_content if name.endswith("pdf") else image_content
    before = content_of(good).text
    for seed in range(200 if name == "pdf" else 20):
        try:
            content = content_of(mutated(good, seed))
            assert content.text or content.note
        except ReadError as error:
            assert ": " in str(error)
    assert content_of(good).text == before


def test_where_each_page_begins_is_exact():
    pages = read_pdf(pdf(LINES, None, LINES[:2], LINES[3:]))
    content = join_pages(pages)
    assert [number for number, _ in content.page_starts] == [1, 3, 4]
    assert all(content.text[start:].startswith(pages[number - 1].text) for number, start in content.page_starts)
    joined = join_pages([Page("a", "layer", None), Page(" \n", "layer", None), Page("  b", "layer", None)])
    assert (joined.text, joined.page_starts) == ("a\n\n  b", ((1, 0), (3, 3)))


def test_one_process_reads_many_files():
    pdf_content(pdf(LINES))
    first = [reader.process.pid for reader in IDLE]
    for _ in range(5):
        pdf_content(pdf(LINES))
    assert [reader.process.pid for reader in IDLE] == first and len(first) == 1


@linux
def test_damaged_files_leave_no_processes_or_handles_behind():
    import psutil

    from cancer_staging.reading import excel

    pdf_content(pdf(LINES))
    here = psutil.Process()
    before, others = here.num_fds(), {child.pid for child in here.children()} - {reader.process.pid for reader in READERS} - {process.pid for process in excel.IDLE}
    broken = mutated(encoded(drawn().convert("1"), "TIFF"), 1)[:200]
    for _ in range(5):
        with pytest.raises(ReadError, match="a broken image: get it again from its source"):
            image_content(broken)
    pdf_content(pdf(LINES))
    assert here.num_fds() == before
    assert {child.pid for child in here.children()} - others == {reader.process.pid for reader in READERS} | {process.pid for process in excel.IDLE}
    assert {child.status() for child in here.children()} <= {"sleeping", "running"}


@linux
def test_the_process_ends_with_its_parent_however_that_ends():
    import psutil

    script = """
import sys
from cancer_staging.reading.pdf import read_pdf
from cancer_staging.reading.process import IDLE
read_pdf(open(sys.argv[1], "rb").read(), "never")
print(IDLE[0].process.pid, flush=True)
sys.stdin.read()
"""
    example = PROJECT / "cancer_staging" / "examples" / "kidney_parts.pdf"
    for end in (signal.SIGKILL, signal.SIGTERM, None):
        with subprocess.Popen([sys.executable, "-c", script, example], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as parent:
            reader = psutil.Process(int(parent.stdout.readline()))
            if end is None:
                parent.stdin.close()
            else:
                parent.send_signal(end)
            parent.wait()
        reader.wait(60)  # raises when it lives on


@posix
def test_a_forked_process_starts_its_own():
    script = """
import multiprocessing, pathlib, sys
from cancer_staging.reading.pdf import pdf_content
from cancer_staging.reading.process import IDLE
data = pathlib.Path(sys.argv[1]).read_bytes()
def read(_):
    return pdf_content(data, "never").text, IDLE[0].process.pid
here = read(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    there = pool.map(read, range(4), chunksize=1)
assert {text for text, _ in there} == {here[0]}
assert here[1] not in {process for _, process in there}
assert read(0) == here
print("read")
"""
    example = PROJECT / "cancer_staging" / "examples" / "kidney_parts.pdf"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script, example], capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "read\n", "")


def test_a_script_is_not_run_again_and_the_folder_of_the_call_is_not_searched(tmp_path):
    (tmp_path / "pypdfium2.py").write_text("raise SystemExit('a stranger was imported')")
    script = tmp_path / "code" / "script.py"
    script.parent.mkdir()
    script.write_text("import sys\nfrom cancer_staging.reading.pdf import pdf_content\nprint(len(pdf_content(open(sys.argv[1], 'rb').read(), 'never').text) > 100)\n")
    example = PROJECT / "cancer_staging" / "examples" / "kidney_parts.pdf"
    done = subprocess.run([sys.executable, script, example], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_ctrl_c_in_the_middle_of_an_answer_costs_the_process_not_the_next_file(monkeypatch):
    def interrupted(stream):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(process_module, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pdf_content(pdf(LINES))
    assert pdf_content(pdf(LINES)).text == "\n".join(LINES)


def test_a_picture_that_would_call_another_program_is_not_opened():
    from PIL import Image

    data = io.BytesIO()
    Image.new("L", (20, 20)).save(data, "EPS")
    with pytest.raises(ReadError, match="page 1 of 1: a broken image: get it again from its source"):
        image_content(data.getvalue())
