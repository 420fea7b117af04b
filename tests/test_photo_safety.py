"""Nothing lost, nothing let in: saving, refusing, and files that mean harm or are broken."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import stat
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import cepstro.photo as cp
from cepstro.errors import CepstroError, ReadError, WriteError
from cepstro.photo import exif, saving
from tests.degrade import DATA

GREY = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
HARD = sorted(path for path in (DATA / "hard").rglob("*") if path.is_file())
needs_hard = pytest.mark.skipif(not HARD, reason=f"no hard files in {DATA}")


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".cepstro")]


# Saving -------------------------------------------------------------------------------------------


@pytest.fixture(params=["nameless", "hidden"])
def way(request, monkeypatch):
    """Both ways to save: with a nameless file, and where the system knows none."""
    if request.param == "hidden":
        monkeypatch.setattr(saving, "_nameless", lambda folder: None)
    return request.param


def test_permissions_of_a_replaced_file_are_kept(tmp_path, way):
    out = tmp_path / "a.png"
    cp.write(out, GREY)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~umask()
    out.chmod(0o640)
    cp.write(out, 255 - GREY)
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    np.testing.assert_array_equal(cp.read(out).pixels, 255 - GREY)
    assert not leftovers(tmp_path)


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, way, monkeypatch):
    out = tmp_path / "a.png"
    cp.write(out, GREY)
    before = out.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"a\.png cannot be written: no space left on device"):
        cp.write(out, 255 - GREY)
    monkeypatch.undo()
    assert out.read_bytes() == before
    assert not leftovers(tmp_path)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes here")
def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    code = (
        "import resource, sys, numpy as np, cepstro.photo as cp\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try: cp.write(sys.argv[1], np.zeros((300, 300, 3), np.float32))\n"
        "except cp.saving.WriteError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.tif"], capture_output=True, text=True
    )
    assert "cannot be written: file too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no nameless files on this system")
def test_kill_9_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    out = tmp_path / "a.tif"
    cp.write(out, GREY)
    before = out.read_bytes()
    if saving._nameless(tmp_path) is None:
        pytest.skip("no nameless files on this file system")
    code = (
        "import os, sys, time, numpy as np, cepstro.photo as cp\n"
        "def slow(fd): print('written, not yet named', flush=True); time.sleep(60)\n"
        "os.fsync = slow\n"
        "cp.write(sys.argv[1], np.random.default_rng(0).random((300, 300)))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, out], stdout=subprocess.PIPE)
    assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_output_is_refused_where_it_must_not_go(tmp_path):
    photo_file = tmp_path / "in.png"
    cp.write(photo_file, GREY)
    photo = cp.read(photo_file)
    before = photo_file.read_bytes()
    hard, soft = tmp_path / "hard.png", tmp_path / "soft.png"
    hard.hardlink_to(photo_file)
    soft.symlink_to(photo_file)
    loose = tmp_path / "loose.png"
    loose.symlink_to(tmp_path / "nowhere.png")
    locked = tmp_path / "locked.png"
    cp.write(locked, GREY)
    locked.chmod(0o444)
    os.mkfifo(tmp_path / "pipe.png")
    for out, why in (
        (photo_file, "is the input itself"),
        (tmp_path / "." / "in.png", "is the input itself"),
        (hard, "is the input itself"),
        (soft, "is the input itself"),
        (loose, "is a symbolic link"),
        (locked, "is read-only"),
        (tmp_path / "pipe.png", "is a device or pipe"),
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "a.png", "folder .* does not exist"),
        (tmp_path / ("x" * 300 + ".png"), "file name too long"),
        (tmp_path / "nul\0.png", "null"),
    ):
        with pytest.raises(WriteError, match=why):
            cp.write(out, photo)
    assert photo_file.read_bytes() == before
    cp.write(photo_file, photo.with_pixels(255 - GREY), overwrite=True)
    np.testing.assert_array_equal(cp.read(photo_file).pixels, 255 - GREY)


def test_names_are_shown_without_control_characters():
    assert cp.safe_name("a\x1b[2Jb\n.png") == r"a\x1b[2Jb\n.png"
    assert cp.safe_name("bell\x07\u202egpj.png") == r"bell\x07\u202egpj.png"
    assert cp.safe_name("naïve 写真.png") == "naïve 写真.png"
    assert cp.safe_name(os.fsdecode(b"\xff.png")) == r"\udcff.png"
    assert len(cp.safe_name("x" * 5000)) < 250
    with pytest.raises(ReadError) as caught:
        cp.read("no\x1b[31m such\nfile.png")
    assert str(caught.value).isprintable()


# Reading what is no photo -------------------------------------------------------------------------


def refused(path: Path, **options) -> str:
    with pytest.raises(ReadError) as caught:
        cp.read(path, **options)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not a photo")
    assert "device or pipe" in refused(tmp_path / "pipe.png")
    assert "device or pipe" in refused(Path("/dev/zero"))
    assert "folder" in refused(tmp_path)
    assert "empty" in refused(tmp_path / "empty.png")
    assert "does not exist" in refused(tmp_path / "none.png")
    assert "no photo of a known kind" in refused(tmp_path / "text.jpg")
    assert "null" in refused(tmp_path / "a\0b.png")


def test_truncated_files_are_refused(tmp_path):
    for name in ("a.jpg", "a.png", "a.webp", "a.pnm", "a.npy", "a.avif", "a.jxl", "a.tif"):
        data = cp.encode(cp.Photo(np.dstack([GREY] * 3)), Path(name))
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        refused(tmp_path / name)


def png_of(width: int, height: int, body: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_size_is_checked_before_unpacking(tmp_path):
    huge = tmp_path / "huge.png"
    huge.write_bytes(png_of(60000, 60000, zlib.compress(b"")))
    assert "limit of 300 MP" in refused(huge)
    assert "set --max-pixels (max_pixels) to 3600000000" in refused(huge)
    huge.write_bytes(png_of(2**31 - 1, 2**31 - 1, b""))
    refused(huge, max_pixels=2**63)
    huge.write_bytes(png_of(2_000_000, 2, zlib.compress(b"")))
    assert "a side longer than 1,000,000 px" in refused(huge)
    small = tmp_path / "small.png"
    cp.write(small, GREY)
    assert "limit of 0.001 MP" in refused(small, max_pixels=1000)
    assert cp.read(small, max_pixels=GREY.size).shape == GREY.shape


def test_sizes_are_told_to_the_pixel(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(504, 504, bytes(505 * 504)))
    with pytest.raises(
        ReadError, match=r"504 x 504 px \(0\.254016 MP\), more than the limit of 0\.001 "
    ):
        cp.read(tmp_path / "a.png", max_pixels=1000)


def test_gif_has_our_limit_whatever_its_frame_says(tmp_path, monkeypatch):
    """Also that of a first frame larger than the picture, for which Pillow has a limit."""
    path = tmp_path / "a.gif"

    def reaching(left: int, top: int) -> bytes:
        head = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0x80, 0, 0) + bytes(range(6))
        notes = b"!\xf9\x04\x08\0\0\0\0" + b"!\xfe\x03abc\0"  # to be disposed of; a comment
        frame = b"," + struct.pack("<4HB", left, top, 1, 1, 0) + b"\x02\x02\x44\x01\0"
        return head + notes + frame + b";"

    for left, words in ((20_000, "20001 x 20001 px"), (0xFFFF, "65536 x 65536 px")):
        path.write_bytes(reaching(left, left))
        with pytest.raises(ReadError, match=words + r".* more than the limit of 300 MP"):
            cp.read(path)
    with pytest.raises(ReadError, match="beyond the side that a GIF can have"):
        cp.read(path, max_pixels=5_000_000_000)
    path.write_bytes(reaching(120, 80))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    assert cp.read(path).shape[:2] == (81, 121)


def test_memory_is_bounded_by_bytes_too(tmp_path):
    sparse = tifffile.memmap(
        tmp_path / "a.tif", shape=(10000, 20000, 3), dtype="f8", photometric="rgb", bigtiff=True
    )
    del sparse
    assert (tmp_path / "a.tif").stat().st_blocks < 1000  # a hole in the disk, 4.8 GB long
    assert "4.8 GB" in refused(tmp_path / "a.tif")
    with (tmp_path / "b.png").open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        stream.truncate(50 << 30)
    assert "53,687,091,200 bytes" in refused(tmp_path / "b.png")


def test_tags_and_headers_that_claim_too_much_are_not_believed(tmp_path):
    tags = [(256, 1, 1000), (257, 1, 1000), (258, 1, 8), (259, 1, 1), (262, 1, 1)]
    tags += [(273, 40 << 20, 1000), (277, 1, 1), (278, 1, 1), (279, 40 << 20, 1000)]
    rows = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    heads = {
        "offsets.tif": b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + rows + bytes(4),
        "header.npy": b"\x93NUMPY\2\0\xff\xff\xff\x0b",
        "chunks.png": b"\x89PNG\r\n\x1a\n",
        "boxes.jxl": b"\0\0\0\x0cJXL \r\n\x87\n",
        "chunks.webp": b"RIFF\0\0\0\0WEBP",
        "markers.jpg": b"\xff\xd8" + b"\xff" * 1_000_000,
        "raw.dng": b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 50706, 1, 4, 0x401) + bytes(4),
    }
    start = time.perf_counter()
    for name, head in heads.items():
        with (tmp_path / name).open("wb") as stream:
            stream.write(head)
            stream.truncate(60 << 20 if name != "offsets.tif" else 300 << 20)
        with pytest.raises(CepstroError):  # for RAW perhaps that the extra is missing
            cp.read(tmp_path / name)
    assert time.perf_counter() - start < 10


def test_pictures_packed_as_no_photo_is_are_refused_unless_a_limit_is_named(tmp_path):
    flat = imagecodecs.jpegxl_encode(np.zeros((8000, 8000), np.uint8), lossless=True, effort=1)
    (tmp_path / "flat.jxl").write_bytes(flat)
    assert "as no photo does" in refused(tmp_path / "flat.jxl")
    assert cp.read(tmp_path / "flat.jxl", max_pixels=64_000_000).shape == (8000, 8000)


def test_strips_that_swell_stop_at_the_size_of_the_picture(tmp_path):
    swelling = imagecodecs.zstd_encode(bytes(1 << 30))  # 1 GB of nothing
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zstd")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = file.pages[0].tags
        for name, value in (("StripOffsets", len(data)), ("StripByteCounts", len(swelling))):
            tag = tags[name]
            code = "<I" if tag.dtype.value == 4 else "<H"
            struct.pack_into("<H", data, tag.offset + 2, 4)
            struct.pack_into("<I", data, tag.offset + 8, value)
            assert tag.count == 1, code
    (tmp_path / "b.tif").write_bytes(bytes(data) + swelling)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / "b.tif")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_jpeg_of_endless_scans_is_refused(tmp_path):
    data = cp.encode(cp.Photo(np.dstack([GREY] * 3)), Path("a.jpg"))
    scan = data[data.index(b"\xff\xda") : -2]
    (tmp_path / "a.jpg").write_bytes(data[:-2] + scan * 1001 + b"\xff\xd9")
    assert "1002 scans" in refused(tmp_path / "a.jpg")


def test_arrays_of_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[print, len]], dtype=object), allow_pickle=True)
    assert "it holds object" in refused(tmp_path / "a.npy")


def test_huge_notes_do_not_swell(tmp_path):
    bomb = zlib.compress(bytes(1 << 26), 9)
    data = png_of(4, 4, zlib.compress(bytes(20)))
    body = b"p\0\0" + bomb
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body
    chunk += struct.pack(">I", zlib.crc32(b"iCCP" + body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert cp.read(tmp_path / "a.png").icc is None


# Fuzzing ------------------------------------------------------------------------------------------

KINDS = ("jpg", "png", "tif", "webp", "jxl", "bmp", "pnm", "pfm", "npy", "avif")
quick = settings(
    max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def seeds() -> dict[str, bytes]:
    """A small whole file of each kind, with all the metadata it takes."""
    photo = cp.Photo(
        np.dstack([GREY[:16, :20]] * 3),
        exif=b"II*\0\x08\0\0\0\x01\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0",
        xmp=b'<x tiff:Orientation="1"/>',
        icc=bytes(imagecodecs.cms_profile("srgb")),
        dpi=(300.0, 300.0),
    )
    return {kind: cp.encode(photo, Path(f"a.{kind}")) for kind in KINDS}


@quick
@given(
    kind=st.sampled_from(KINDS),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 9)), max_size=5
    ),
)
def test_damaged_files_open_or_are_refused(seeds, tmp_path, kind, edits):
    data = bytearray(seeds[kind])
    for place, put, drop in edits:
        at = int(place**2 * len(data))
        data[at : at + drop] = put
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data)
    try:
        photo = cp.read(path, max_pixels=1_000_000)
    except CepstroError as error:
        assert str(error).isprintable()
    else:
        assert photo.pixels.size > 0


@quick
@given(head=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0",
                             b"RIFF0000WEBP", b"GIF89a", b"BM", b"P6 ", b"PF\n", b"\x93NUMPY",
                             b"\0\0\0\x18ftypavif", b"\0\0\0\x0cJXL \r\n\x87\n", b""]),
       tail=st.binary(max_size=200))  # fmt: skip
def test_noise_behind_any_signature_opens_or_is_refused(tmp_path, head, tail):
    path = tmp_path / "noise"
    path.write_bytes(head + tail)
    try:
        cp.read(path, max_pixels=1_000_000)
    except CepstroError as error:
        assert str(error).isprintable()


def exif_block(*entries: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    rows = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + struct.pack("<I", following)
    )


MAKE = (0x010F, 2, 4, b"abc\0")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1.0, 2.5, 1e30])
@pytest.mark.parametrize("tag", [exif.EXIF_IFD, exif.GPS_IFD, exif.ORIENTATION, exif.X_RESOLUTION])
def test_odd_exif_value_is_left_out_and_the_photo_read(tmp_path, value, tag):
    block = exif_block(MAKE, (tag, 11, 1, struct.pack("<f", value)))
    path = tmp_path / "a.png"
    cp.write(path, cp.Photo(np.zeros((4, 6), np.uint8), exif=block))
    photo = cp.read(path)
    assert photo.shape == (4, 6)
    assert exif.first_directory(photo.exif).entries[MAKE[0]].data == b"abc\0"
    cp.write(tmp_path / "a.tif", photo)
    assert cp.read(tmp_path / "a.tif").shape == (4, 6)


@pytest.mark.parametrize(
    ("kind", "place", "length"),
    [
        ("i", -5, 20), ("i", 60, -20), ("I", 2, 30), ("I", 0, 90), ("I", 12, 4), ("f", 2.5, 9.5),
        ("f", math.inf, 9.0), ("I", 60, 4_000_000_000),
    ],
)  # fmt: skip
def test_odd_place_of_a_thumbnail_moves_and_wipes_nothing(kind, place, length):
    head = exif_block(MAKE, following=26)
    code = {"i": 9, "I": 4, "f": 11}[kind]
    small = struct.pack("<HHHI", 2, exif.THUMBNAIL, code, 1) + struct.pack("<" + kind, place)
    small += struct.pack("<HHI", exif.THUMBNAIL_SIZE, code, 1) + struct.pack("<" + kind, length)
    block = head + small + bytes(4) + b"picture" * 6
    clean = exif.cleaned(block)
    assert clean == block[:22] + bytes(4) + block[26:]


def test_orientation_that_cannot_be_reset_is_not_applied(tmp_path):
    for kind, count, value in ((9, 1, struct.pack("<i", 6)), (3, 5, struct.pack("<I", 0))):
        block = exif_block(MAKE, (exif.ORIENTATION, kind, count, value))
        assert exif.orientation(block) is None
        assert exif.cleaned(block) == block


@quick
@given(st.binary(max_size=300))
def test_exif_of_any_bytes_is_cleaned_or_left_out(body):
    for head in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""):
        clean = exif.cleaned(head + body)
        exif.resolution(head + body)
        assert clean is None or exif.orientation(clean) in (None, 1)


# The hard files -----------------------------------------------------------------------------------

READ_ALL = """
import json, resource, sys, time, warnings
warnings.simplefilter("error")
import cepstro.photo as cp
from cepstro.errors import CepstroError
for path in sys.stdin.read().splitlines():
    start = time.perf_counter()
    try:
        kind, note = "opened", list(cp.read(path).shape)
    except CepstroError as error:
        kind, note = "refused", str(error)
    except BaseException as error:
        kind, note = "crashed", repr(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([path, kind, note, time.perf_counter() - start, peak]), flush=True)
"""


@needs_hard
def test_every_hard_file_opens_or_is_refused_in_little_time_and_memory():
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL],
        input="\n".join(map(str, HARD)),
        capture_output=True,
        text=True,
        timeout=100,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(HARD), done.stderr[-2000:]
    assert done.stderr == ""
    assert [row for row in rows if row[1] == "crashed"] == []
    assert all(row[2].isprintable() for row in rows if row[1] == "refused")
    assert max(row[3] for row in rows) < 20
    assert max(row[4] for row in rows) < 1_000_000  # kB
    opened = {Path(row[0]).name for row in rows if row[1] == "opened"}
    # Broken side notes do not cost the picture, and good files are not refused.
    assert opened >= {
        "hopper_bad_exif.jpg",
        "icc_profile_big.jpg",
        "basi6a16.png",
        "uint16_full.png",
    }
    assert opened.isdisjoint(
        {"truncated_half.jpg", "bad_crc.png", "real_bomb_20000x20000_1bit.png"}
    )


@needs_hard
@pytest.mark.parametrize("turn", ["Landscape_1", "Landscape_3", "Landscape_6", "Landscape_8"])
def test_photos_of_every_orientation_come_out_upright(turn):
    reference = cp.read(DATA / "hard/exif_orientation/Landscape_1.jpg").pixels.astype(float)
    photo = cp.read(DATA / f"hard/exif_orientation/{turn}.jpg").pixels
    assert photo.shape == reference.shape
    # One scene, painted with a different digit: close everywhere else.
    assert np.median(np.abs(photo - reference)) < 12


def tags(path: Path) -> tuple[dict[object, str], object, object]:
    """EXIF, profile and XMP of a photo as Pillow reads them."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken EXIF
        with Image.open(path) as image:
            found = image.getexif()
            told: dict[object, str] = {tag: str(value) for tag, value in found.items()}
            for part in (0x8769, 0x8825):
                inner = found.get_ifd(part)
                told |= {(part, tag): str(value) for tag, value in inner.items()}
            return told, image.info.get("icc_profile"), image.info.get("xmp")


@needs_hard
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_metadata_of_real_photos_are_found_by_another_reader(tmp_path, ending):
    moved = {0x0112, 0x8769, 0x8825, (0x8769, 0xA002), (0x8769, 0xA003), (0x8769, 0xA005)}
    for name in (
        "xmp_test",
        "flower",
        "exif_typeerror",
        "exif_gps_typeerror",
        "rgb",
        "multiple_exif",
    ):
        source = DATA / "hard" / "pillow" / f"{name}.jpg"
        photo = cp.read(source)
        out = tmp_path / f"a{ending}"
        cp.write(out, photo.with_pixels(photo.pixels[:16, :16]))
        before, (after, icc, xmp) = tags(source)[0], tags(out)
        if ending == ".tif":  # of a TIFF's own directory the captions only
            before = {t: v for t, v in before.items() if t in exif.CAPTIONS or isinstance(t, tuple)}
        for tag in before.keys() - moved:
            assert after[tag] == before[tag], (name, tag)
        assert icc == photo.icc
        assert (xmp or None) == photo.xmp


@pytest.mark.benchmark
def test_jpeg_is_read_faster_than_pillow_reads_it(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    tile = rng.integers(0, 255, (100, 150, 3)).astype(np.uint8)
    cp.write(tmp_path / "a.jpg", np.kron(tile, np.ones((20, 20, 1), np.uint8)))

    def best(function) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return min(times)

    ours = best(lambda: cp.read(tmp_path / "a.jpg"))

    def pillow() -> None:
        with Image.open(tmp_path / "a.jpg") as image:
            np.asarray(image)

    assert ours < best(pillow)
