"Files for the tests to read, made on the fly: PDFs, scans and tables."

import csv
import io
import json

from cancer_staging.reading.reports import read_reports

LINES = (
    "FINAL DIAGNOSIS: Left kidney, radical nephrectomy.",
    "Renal cell carcinoma, clear cell type, Fuhrman grade 3.",
    "The tumor measures 7.2 cm and invades the renal vein.",
    "Margins of resection are free of tumor.",
    "Primary tumor: pT3a. Regional lymph nodes: pN0 (0/4).",
)
SUFFIXES = (".csv", ".parquet", ".jsonl")


def drawn(lines=LINES, turn=0):
    "A scan: the lines drawn in grey on a page of 200 dots per inch."
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (1654, 1000), 255)
    drawing = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        drawing.text((100, 100 + 80 * row), line, font=ImageFont.load_default(size=40), fill=20)
    return image.rotate(turn, expand=True, fillcolor=255)


def pdf(*pages, **options):
    "A PDF: a page of text for each tuple of lines, of scan for each image, blank for None."
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842), **options)
    for page in pages:
        if isinstance(page, tuple):
            for row, line in enumerate(page):
                canvas.drawString(60, 780 - 16 * row, line)
        elif page is not None:
            canvas.drawImage(ImageReader(page), 0, 842 - 595 * page.height / page.width, 595, 595 * page.height / page.width)
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def zero_pages():
    "A well-formed PDF whose page tree is empty."
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj%bendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"xref\n0 3\n0000000000 65535 f \n" + table + b"trailer<</Size 3/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(data)


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def read_bytes(folder, name, data, **options):
    "The one report in a file of these bytes."
    (folder / name).write_bytes(data)
    (report,) = read_reports(folder / name, **options)
    return report


def write_table(path, columns):
    "The columns as CSV, Parquet or JSON Lines, by suffix."
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(columns))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


def write_corpora(frame, folder, unread, missing):
    "The corpus `frame` in `folder`, and what training must refuse: labels that nothing can read or that are missing, one class, no text column, a damaged file, a folder that is in use."
    import polars as pl

    frame.write_parquet(folder / "corpus.parquet")
    frame.with_columns(pl.lit("large").alias(unread)).write_csv(folder / "nothing.csv")
    frame.with_columns(pl.lit(None, pl.String).alias(missing)).write_parquet(folder / "missing.parquet")
    frame.with_columns(m=pl.lit("M0")).write_parquet(folder / "one_class.parquet")
    frame.rename({"text": "body"}).write_parquet(folder / "body.parquet")
    (folder / "damaged.parquet").write_bytes(b"PAR1 nothing")
    (folder / "used").mkdir()
    (folder / "used" / "model.safetensors").write_bytes(b"mine")
