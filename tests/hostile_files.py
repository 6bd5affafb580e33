"PDFs and images that cost more than any report: they draw themselves, refer to one another, unpack without end or claim what is not there."

import io
import random
import struct
import zlib

from made_files import LINES, pdf


def written(*objects: bytes, head: bytes = b"", tail: bytes = b"", root: int = 1, start: int | None = None) -> bytes:
    "A PDF of these objects, the first number 1. `head` goes before them, `tail` into the trailer, `start` in place of the index's true place."
    data, places = b"%PDF-1.5\n" + head, []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    index = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + table
    trailer = b"trailer<</Size %d/Root %d 0 R%b>>\n" % (len(places) + 1, root, tail.replace(b"HERE", b"%d" % len(data)))
    return data + index + trailer + b"startxref\n%d\n%%%%EOF\n" % (len(data) if start is None else start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), entries, data)


def one_page(content: bytes, *more: bytes, resources: bytes = b"", box: bytes = b"0 0 595 842") -> bytes:
    "A PDF of one page: its content stream is object 4, the font F is object 5, `more` begin with object 6."
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>%b>>>>" % (box, resources)
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return written(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, content, font, *more)


def form(content: bytes, resources: bytes) -> bytes:
    return stream(content, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<<%b>>" % resources)


def line(text: bytes = b"Kidney, left: renal cell carcinoma, pT3a pN0.") -> bytes:
    return b"BT /F 12 Tf 60 700 Td (%b) Tj ET\n" % text


def deflated(block: bytes, times: int) -> bytes:
    "The block so many times, compressed in the time that one takes."
    packer = zlib.compressobj(9)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    other = zlib.compressobj(9, wbits=-15)
    again = other.compress(block) + other.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(times):
        check = zlib.adler32(block, check)
    return first + again * (times - 1) + b"\x03\x00" + struct.pack(">I", check)


def draws_itself() -> bytes:
    return one_page(stream(b"/X Do"), form(b"/X Do /X Do", b"/XObject<</X 6 0 R>>"), resources=b"/XObject<</X 6 0 R>>")


def draws_a_billion() -> bytes:
    "Thirty forms, each of which draws the next one twice."
    forms = [form(b"/X Do /X Do ", b"/XObject<</X %d 0 R>>" % number) for number in range(7, 37)]
    last = form(line(), b"/Font<</F 5 0 R>>")
    return one_page(stream(b"/X Do"), *forms, last, resources=b"/XObject<</X 6 0 R>>")


def kids_in_a_circle() -> bytes:
    return written(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 2>>", b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 2>>")


def parents_in_a_circle() -> bytes:
    "A page whose size and fonts are to be inherited from parents that inherit from each other."
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1/Parent 4 0 R>>", b"<</Type/Page/Parent 2 0 R/Contents 5 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"
    return written(b"<</Type/Catalog/Pages 2 0 R>>", *pages, stream(line()))


def unpacks_a_gigabyte() -> bytes:
    "A page's content of 1 GB of blanks, compressed twice."
    once = deflated(b" " * 2**20, 1024)
    return one_page(stream(zlib.compress(once, 9), b"/Filter[/FlateDecode/FlateDecode]"))


def eight_million_characters() -> bytes:
    "Eight thousand lines of a thousand characters, a tenth of a point apart."
    lines = b"".join(b"BT /F 0.1 Tf 9 %d.%d Td (%b) Tj ET\n" % (800 - row // 10, 9 - row % 10, b"pT3a tumor " * 91) for row in range(8000))
    return one_page(stream(zlib.compress(lines), b"/Filter/FlateDecode"))


def half_a_million_characters() -> bytes:
    lines = b"".join(b"BT /F 1 Tf 9 %d Td (%b) Tj ET\n" % (800 - row, b"Renal cell carcinoma invades the renal vein " * 20) for row in range(600))
    return one_page(stream(zlib.compress(lines), b"/Filter/FlateDecode"))


def claims_a_million_pages() -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 6 0 R/Resources<</Font<</F 7 0 R>>>>>>"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return written(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R 4 0 R 5 0 R]/Count 1000000>>", page, page, page, stream(line()), font)


def has_a_picture(width: int, height: int) -> bytes:
    "A page under a picture of so many white points."
    rows = deflated(b"\xff" * ((width + 7) // 8) * 100, height // 100)
    picture = stream(rows, b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/FlateDecode" % (width, height))
    return one_page(stream(b"q 595 0 0 842 0 0 cm /X Do Q"), picture, resources=b"/XObject<</X 6 0 R>>")


def object_streams_in_a_circle() -> bytes:
    "Two streams of objects, each of which is said to stand in the other, and which extend each other."
    data, places = b"%PDF-1.5\n", []
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 5 0 R>>", stream(b"/X Do"))
    packed = [stream(b"%d 0 <<>>" % other, b"/Type/ObjStm/N 1/First 4/Extends %d 0 R" % other) for other in (6, 5)]
    for number, body in enumerate((*objects, *packed), start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    rows = [struct.pack(">BIH", 0, 0, 65535)]
    rows += [struct.pack(">BIH", 1, place, 0) for place in places[:4]]
    rows += [struct.pack(">BIH", 2, 6, 0), struct.pack(">BIH", 2, 5, 0)]  # object 5 stands in stream 6, object 6 in stream 5
    index = stream(b"".join(rows), b"/Type/XRef/Size 7/W[1 4 2]/Root 1 0 R")
    return data + b"7 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (index, len(data))


def deep_arrays(depth: int = 10**6) -> bytes:
    return one_page(stream(line()), b"[" * depth + b"]" * depth, resources=b"/Properties 6 0 R")


def deep_content(depth: int = 10**6) -> bytes:
    return one_page(stream(b"[" * depth + b"]" * depth + b" TJ\n" + line()))


def index_in_a_circle() -> bytes:
    "An index whose former index is itself."
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return written(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, stream(line()), font, tail=b"/Prev HERE")


def glyph_draws_itself() -> bytes:
    font = b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<</a 7 0 R>>/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[1]/Resources<</Font<</G 6 0 R>>>>>>"
    return one_page(stream(b"BT /G 12 Tf 60 700 Td (aaaa) Tj ET"), font, stream(b"1 0 d0 BT /G 1 Tf (aa) Tj ET"), resources=b"/Font<</F 5 0 R/G 6 0 R>>")


def tiles_without_end() -> bytes:
    "A page painted with a pattern of a billionth of a point, each tile of which paints the page."
    pattern = stream(b"0 0 1 1 re f", b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.0001/YStep 0.0001/Resources<<>>")
    return one_page(stream(b"/Pattern cs /P scn 0 0 595 842 re f"), pattern, resources=b"/Pattern<</P 6 0 R>>")


def huge_page(box: bytes = b"0 0 1e9 1e9") -> bytes:
    return one_page(stream(line(b"pT3a")), box=box)


def encrypted() -> bytes:
    from reportlab.lib.pdfencrypt import StandardEncryption

    return pdf(LINES, encrypt=StandardEncryption("secret"))


def png(width: int, height: int) -> bytes:
    "A white image that is small as a file."

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = deflated((b"\0" + b"\xff" * ((width + 7) // 8)) * 100, height // 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def mutated(data: bytes, seed: int) -> bytes:
    "The file with one to twelve of its bytes changed, dropped or doubled, or a stretch moved."
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(changed))
        what = chance.randrange(4)
        if what == 0:
            changed[place] = chance.randrange(256)
        elif what == 1:
            del changed[place : place + chance.randint(1, 9)]
        elif what == 2:
            changed[place:place] = changed[place : place + chance.randint(1, 40)]
        else:
            number = bytes(chance.choice((b"0", b"-1", b"4294967296", b"99999999", b"/Kids", b"R", b"[", b"<<")))
            changed[place : place + len(number)] = number
    return bytes(changed)


def cut_short(data: bytes) -> list[bytes]:
    "The file's first tenth, its first two tenths and so on."
    return [data[: len(data) * tenth // 10] for tenth in range(1, 10)]


def scan_in_parts() -> bytes:
    "A TIFF whose second page is the first one again, and so on for ever."
    from PIL import Image

    data = io.BytesIO()
    Image.new("1", (1654, 1000), 1).save(data, "TIFF", compression="group4")
    changed = bytearray(data.getvalue())
    (first,) = struct.unpack_from("<I", changed, 4)
    (entries,) = struct.unpack_from("<H", changed, first)
    struct.pack_into("<I", changed, first + 2 + 12 * entries, first)
    return bytes(changed)


PDFS = {
    "draws_itself": draws_itself,
    "draws_a_billion": draws_a_billion,
    "kids_in_a_circle": kids_in_a_circle,
    "parents_in_a_circle": parents_in_a_circle,
    "unpacks_a_gigabyte": unpacks_a_gigabyte,
    "eight_million_characters": eight_million_characters,
    "half_a_million_characters": half_a_million_characters,
    "claims_a_million_pages": claims_a_million_pages,
    "has_a_picture": lambda: has_a_picture(60_000, 60_000),
    "object_streams_in_a_circle": object_streams_in_a_circle,
    "deep_arrays": deep_arrays,
    "deep_content": deep_content,
    "index_in_a_circle": index_in_a_circle,
    "glyph_draws_itself": glyph_draws_itself,
    "tiles_without_end": tiles_without_end,
    "huge_page": huge_page,
    "thin_page": lambda: huge_page(b"0 0 1e9 0.001"),
    "encrypted": encrypted,
}
IMAGES = {"image_of_3_600_million_points": lambda: png(60_000, 60_000), "image_of_170_million_points": lambda: png(13_000, 13_000), "pages_in_a_circle": scan_in_parts}
