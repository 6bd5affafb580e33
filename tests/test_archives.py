"gzip and zip files: what is in them comes out, within limits, and what is wrong with one member stays with it."
import gzip
import io
import random
import struct
import zipfile

import pytest

from cancer_staging.reading import archives
from cancer_staging.reading.archives import gunzip, gunzip_file, NESTED, zip_members
from cancer_staging.reading.limits import Limits
from cancer_staging.runs import ReadError

SMALL = Limits(unpacked_mb=1)


def zipped(files, method=zipfile.ZIP_DEFLATED):
    "The bytes of a zip archive of (name, bytes) pairs."
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name) if "\\" in name else name, content, method)
    return data.getvalue()


def read(data, limits=SMALL):
    "Name, bytes and problem of each member."
    return [(member.name, member.open().read(), member.problem) for member in zip_members(io.BytesIO(data), limits)]


def entry_of(data, name):
    "Where the entry of a member stands in the list of members."
    at = -1
    while (at := data.index(b"PK\x01\x02", at + 1)) >= 0:
        if data[at + 46 :].startswith(name):
            return at


def test_gzip_of_one_file_and_of_several(tmp_path):
    packed = gzip.compress(b"pT2 ") + gzip.compress(b"") + gzip.compress(b"pN0") + b"\0" * 100
    assert gunzip(packed, SMALL) == b"pT2 pN0"
    (tmp_path / "case.txt.gz").write_bytes(packed)
    assert gunzip(tmp_path / "case.txt.gz", SMALL) == b"pT2 pN0"
    gunzip_file(tmp_path / "case.txt.gz", tmp_path / "case.txt", SMALL)
    assert (tmp_path / "case.txt").read_bytes() == b"pT2 pN0"


@pytest.mark.parametrize(
    "data",
    [b"", b"pT2", gzip.compress(b"pT2 pN0")[:-1], gzip.compress(b"pT2 pN0")[:12], gzip.compress(b"pT2")[:-8] + bytes(8), gzip.compress(b"pT2") + b"more"],
    ids=["empty", "text", "cut", "cut early", "wrong sum", "more after it"],
)
def test_damaged_gzip_is_refused(data):
    if not data:
        assert gunzip(data, SMALL) == b""
        return
    with pytest.raises(ReadError, match="damaged or incomplete"):
        gunzip(data, SMALL)


def test_gzip_is_bounded_by_what_comes_out():
    most = b"0" * 2**20
    assert gunzip(gzip.compress(most), SMALL) == most
    larger = gzip.compress(most * 3)
    for data in (larger, larger[:-4] + struct.pack("<I", 7), gzip.compress(most) + gzip.compress(b"0")):  # honest, lying of its size, in two parts
        with pytest.raises(ReadError, match="unpacks to more than 1 MB"):
            gunzip(data, SMALL)


def test_a_bomb_is_not_held_in_memory():
    import tracemalloc

    bomb = gzip.compress(bytes(2**28))
    tracemalloc.start()
    with pytest.raises(ReadError):
        gunzip(bomb, Limits(unpacked_mb=8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20


def test_members_come_in_order_and_twice_where_they_are_twice():
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([("b.txt", b"1"), ("ward/a.txt", b"2"), ("b.txt", b"3"), ("empty.txt", b"")])
    assert read(data) == [("b.txt", b"1", None), ("ward/a.txt", b"2", None), ("b.txt", b"3", None), ("empty.txt", b"", None)]


def test_what_systems_leave_is_passed_over():
    names = ["ward/", "__MACOSX/ward/._a.txt", "ward/.DS_Store", ".hidden/a.txt", "ward/~$a.docx", "Thumbs/~1.txt", "ward\\sub\\"]
    assert read(zipped([(name, b"") for name in names])) == [("Thumbs/~1.txt", b"", None)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../../root/.ssh", None),
        ("../../a.txt", "a.txt"),
        ("..\\..\\C:\\a.txt", "a.txt"),
        ("a\x1b[2J\n\u202etxt.pdf", "a\ufffd[2J\ufffd\ufffdtxt.pdf"),
        ("Gr\u00f6\u00dfe.txt", "Gr\u00f6\u00dfe.txt"),
        ("..", "without a name"),
        ("x" * 300 + ".txt", "\u2026" + "x" * 196 + ".txt"),
    ],
)
def test_names_are_shown_safely_and_the_file_is_read(name, shown):
    assert read(zipped([(name, b"pT2")])) == ([] if shown is None else [(shown, b"pT2", None)])


def test_names_in_utf8_that_do_not_say_so():
    data = zipped([("Gr\u00f6\u00dfe.txt", b"pT2")])
    plain = data.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")  # the flag of UTF-8, before the method
    assert plain != data and read(plain) == [("Gr\u00f6\u00dfe.txt", b"pT2", None)]
    broken = data.replace("\u00f6".encode(), b"\xc3\x28")
    assert [(name, text) for name, text, _ in read(broken)] == [("", b"")] and "name in the zip archive is damaged" in read(broken)[0][2]


def test_an_encrypted_member_is_a_problem_of_its_own():
    data = bytearray(zipped([("a.txt", b"pT2"), ("b.txt", b"pT3")]))
    data[entry_of(data, b"a.txt") + 8] |= 1
    assert read(bytes(data)) == [("a.txt", b"", "the file is encrypted: unpack it with its password"), ("b.txt", b"pT3", None)]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 9, 99])
def test_other_compressions_are_a_problem_of_the_member(method):
    if method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        data = zipped([("a.txt", b"pT2")], method)
    else:
        data = bytearray(zipped([("a.txt", b"pT2")]))
        data[entry_of(data, b"a.txt") + 10] = method
        data = bytes(data)
    ((name, text, problem),) = read(data)
    assert (name, text) == ("a.txt", b"") and "in a way that is not read" in problem


@pytest.mark.parametrize("declared", [2, 4], ids=["less", "more"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_that_lies_of_its_size_is_damaged(declared, method):
    data = bytearray(zipped([("a.txt", b"pT2"), ("b.txt", b"pT3")], method))
    at = entry_of(data, b"a.txt")
    data[at + 24 : at + 28] = struct.pack("<I", declared)
    first, second = read(bytes(data))
    assert first[0] == "a.txt" and first[1] == b"" and "damaged" in first[2] and second == ("b.txt", b"pT3", None)


def test_a_wrong_sum_is_damage():
    data = zipped([("a.txt", b"pT2"), ("b.txt", b"pT3")], zipfile.ZIP_STORED).replace(b"pT2", b"pT4")
    assert [(name, text) for name, text, _ in read(data)] == [("a.txt", b""), ("b.txt", b"pT3")] and "damaged in the archive" in read(data)[0][2]


def test_what_members_unpack_to_counts_together():
    files = [("a.txt", b"0" * 600_000), ("b.txt", b"0" * 600_000), ("c.txt", b"pT2")]
    (a, b, c) = read(zipped(files))
    assert a == ("a.txt", b"0" * 600_000, None) and b[1] == c[1] == b""
    assert "unpacks to more than 1 MB" in b[2] and c[2].startswith("not unpacked: the archive unpacks to more than 1 MB")


def overlapping(count, size):
    "An archive whose members are all the same bytes, as in David Fifield's bomb."
    data = zipped([("a.txt", b"0" * size)])
    at = entry_of(data, b"a.txt")
    end = data.index(b"PK\x05\x06")
    entry = data[at:end]
    return data[:at] + entry * count + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, at, 0)


def test_members_that_share_their_bytes_count_each():
    members = read(overlapping(5_000, 300_000))
    assert len(members) == 5_000 and all(name == "a.txt" for name, _, _ in members)
    assert sum(len(text) for _, text, _ in members) <= 2**20
    assert members[-1][2]


def test_damaged_members_count_too(monkeypatch):
    "Else a thousand members with wrong sums would each be unpacked whole."
    unpacked = []
    plain = archives.member_pieces
    monkeypatch.setattr(archives, "member_pieces", lambda *given: (unpacked.append(len(piece)) or piece for piece in plain(*given)))
    data = overlapping(100, 300_000)
    at = entry_of(data, b"a.txt")
    members = read(data.replace(data[at + 16 : at + 20], b"\0\0\0\0"))
    assert len(members) == 100 and all(problem for _, _, problem in members) and sum(unpacked) <= 2**20 + 300_000


@pytest.mark.parametrize("count", [11, 40])
def test_too_many_members_are_one_problem(count):
    ((name, _, problem),) = read(zipped([(f"{number}.txt", b"") for number in range(count)]), Limits(members=10))
    assert name == "" and problem == "the zip archive holds more than 10 files: unpack and split it, or raise the limit (--limit members=\u2026)"
    assert len(read(zipped([(f"{number}.txt", b"") for number in range(10)]), Limits(members=10))) == 10


def test_entries_are_counted_before_they_are_read(monkeypatch):
    data = overlapping(1_000, 3)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "more than 10 files" in read(data, Limits(members=10))[0][2]


@pytest.mark.parametrize("data", [b"", b"pT2", zipped([("a.txt", b"pT2")])[:-9], zipped([("a.txt", b"pT2")])[:40]], ids=["empty", "text", "cut", "cut early"])
def test_damaged_archives_are_one_problem(data):
    ((name, text, problem),) = read(data)
    assert (name, text, problem) == ("", b"", "the zip archive is damaged or incomplete: get it again from its source")


def test_an_empty_archive_has_no_members():
    assert read(zipped([])) == []


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_raises(seed):
    dice = random.Random(seed)
    data = bytearray(zipped([("a.txt", b"pT2" * 50), ("ward/b.txt", b"pT3" * 50)]))
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    for name, text, problem in read(bytes(data)):
        assert not (text and problem) and name.isprintable()


def test_large_members_are_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "IN_MEMORY", 1000)
    monkeypatch.setattr(archives, "PIECE", 400)
    content = bytes(range(250)) * 10
    (tmp_path / "cases.zip").write_bytes(zipped([("a.txt", content), ("b.txt", b"pT2")]))
    large, small = zip_members(tmp_path / "cases.zip", SMALL)
    assert large.open().read() == content == large.open().read() and small.open().read() == b"pT2"
    assert isinstance(small.unpacked, io.BytesIO) and not isinstance(large.unpacked, io.BytesIO)
    assert "pT2" not in repr(small)


def test_what_is_said_of_nested_archives():
    assert NESTED == "an archive inside an archive: unpack it first"
