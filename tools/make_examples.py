"""Write the bundled example files from `cancer_staging.synthetic.EXAMPLES`. Needs fpdf2 (development extra).

    python tools/make_examples.py [folder]
"""
import csv
import sys
from datetime import datetime, timezone
from pathlib import Path
from random import Random

from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont

from cancer_staging.corpora.synthetic import EXAMPLES

MADE = datetime(2026, 1, 1, tzinfo=timezone.utc)  # a fixed date, so that the files come out the same each time
PAGE = (1654, 2339)  # A4 at 200 dots per inch
LINE = 46


def write_text(path: Path, reports: list) -> None:
    path.write_text("\n\n".join(report.text for report in reports) + "\n", encoding="utf-8", newline="\n")


def write_table(path: Path, reports: list) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["report_id", "text"])
        rows.writerows([report.report_id, report.text] for report in reports)


def write_text_pdf(path: Path, reports: list) -> None:
    "A PDF with a text layer."
    pdf = FPDF(format="A4")
    pdf.set_creation_date(MADE)
    pdf.set_font("Helvetica", size=10)
    for report in reports:
        pdf.add_page()
        pdf.multi_cell(0, 5, report.text)
    pdf.output(str(path))


def wrapped(text: str, font, width: int) -> list[str]:
    "The lines of `text`, broken so that none is wider than `width` pixels."
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def write_scan(path: Path, reports: list, seed: int = 0) -> None:
    "A PDF that holds only a black-and-white picture: a page a little askew, with specks."
    random, pages = Random(seed), []
    font = ImageFont.load_default(size=30)
    for report in reports:
        page = Image.new("L", PAGE, 255)
        draw = ImageDraw.Draw(page)
        for number, line in enumerate(wrapped(report.text, font, PAGE[0] - 300)):
            draw.text((150, 160 + number * LINE), line, fill=0, font=font)
        page = page.rotate(0.5, resample=Image.Resampling.BICUBIC, fillcolor=255)
        for _ in range(500):
            page.putpixel((random.randrange(PAGE[0]), random.randrange(PAGE[1])), 0)
        pages.append(page.point(lambda gray: 255 if gray > 150 else 0).convert("1"))
    moment = MADE.timetuple()
    pages[0].save(path, format="PDF", resolution=200, save_all=True, append_images=pages[1:], creationDate=moment, modDate=moment)


WRITERS = {"breast_synoptic.txt": write_text, "colon_scan.pdf": write_scan, "five_reports.csv": write_table, "kidney_parts.pdf": write_text_pdf, "lung_addendum.txt": write_text}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "cancer_staging" / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    for name, example in EXAMPLES.items():
        WRITERS[name](folder / name, example.reports)
        print(f"{name}: {(folder / name).stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
