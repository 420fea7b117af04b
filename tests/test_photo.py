"""Photos in and out: pixels, depth, orientation, colour and metadata of every kind of file."""

from __future__ import annotations

import importlib.util
import io
import pickle
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from typer.testing import CliRunner

import cepstro.photo as cp
from cepstro.cli import app
from cepstro.errors import MissingExtraError, ReadError, UnsuitableImageError, WriteError
from cepstro.icc import ToneCurve
from cepstro.light import linear_to_srgb, to_linear
from cepstro.photo import exif, jxl
from cepstro.photo.colour import lab_to_rgb
from cepstro.photo.exif import Builder, Entry
from cepstro.photo.writing import KINDS

HEIF = importlib.util.find_spec("pillow_heif") is not None
RAW = importlib.util.find_spec("rawpy") is not None
needs_heif = pytest.mark.skipif(not HEIF, reason="the extra heif (pillow-heif) is not installed")
needs_raw = pytest.mark.skipif(not RAW, reason="the extra raw (rawpy) is not installed")
ADOBE_RGB = bytes(imagecodecs.cms_profile("adobergb"))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" '
    b'dc:title="a title"/></x:xmpmeta>'
)


def picture(*channels: int, dtype: object = np.uint8, shape: tuple[int, int] = (24, 32)):
    """Smooth colours with a little noise, from a seed."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: shape[0], : shape[1]] / 32
    planes = [
        0.5 + 0.4 * np.sin(3 * x + 2 * y * (c + 1) + c) for c in range(max(channels, default=1))
    ]
    values = np.stack(planes, axis=-1) + 0.005 * rng.standard_normal((*shape, len(planes)))
    values = np.clip(values if channels else values[..., 0], 0, 1)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(kind)
    return np.rint(values * np.iinfo(kind).max).astype(kind)


def exif_block(turn: int, *, order: str = "<", thumbnail: bytes = b"") -> bytes:
    """An EXIF block as cameras write it: captions, orientation, exposure, GPS, thumbnail."""
    parts = Builder(order)
    model = b"Test camera\0"
    parts.first = {
        0x0110: Entry(2, len(model), model, 0),
        exif.ORIENTATION: Entry(3, 1, struct.pack(order + "H", turn), 0),
        exif.X_RESOLUTION: Entry(5, 1, struct.pack(order + "II", 300, 1), 0),
        exif.Y_RESOLUTION: Entry(5, 1, struct.pack(order + "II", 240, 1), 0),
        exif.RESOLUTION_UNIT: Entry(3, 1, struct.pack(order + "H", 2), 0),
    }
    parts.exif = {
        0x829A: Entry(5, 1, struct.pack(order + "II", 1, 125), 0),
        exif.PIXELS_ACROSS: Entry(4, 1, struct.pack(order + "I", 4000), 0),
        exif.PIXELS_DOWN: Entry(3, 1, struct.pack(order + "H", 3000), 0),
    }
    parts.gps = {0x0001: Entry(2, 2, b"N\0", 0)}
    block = bytearray(parts.block())
    if thumbnail:
        (count,) = struct.unpack_from(order + "H", block, 8)
        second = len(block)
        struct.pack_into(order + "I", block, 10 + 12 * count, second)
        at = second + 2 + 2 * 12 + 4
        block += struct.pack(order + "H", 2)
        block += struct.pack(order + "HHII", exif.THUMBNAIL, 4, 1, at)
        block += struct.pack(order + "HHII", exif.THUMBNAIL_SIZE, 4, 1, len(thumbnail))
        block += bytes(4) + thumbnail
    return bytes(block)


def tables(path) -> dict[int, list[int]]:
    """Quantisation tables of a JPEG as Pillow reads them."""
    with Image.open(path) as image:
        return image.quantization


def said(block: bytes) -> dict[int, object]:
    """What Pillow, as another reader, finds in an EXIF block."""
    found = Image.Exif()
    found.load(block)
    return {**dict(found), **dict(found.get_ifd(exif.EXIF_IFD)), "gps": found.get_ifd(exif.GPS_IFD)}


# Pixels -------------------------------------------------------------------------------------------

EXACT = {
    ".png": (np.uint8, np.uint16),
    ".tif": (np.uint8, np.uint16, np.uint32, np.float16, np.float32, np.float64),
    ".jxl": (np.uint8, np.uint16, np.float32),
    ".npy": (np.uint8, np.uint16, np.uint32, np.float16, np.float32, np.float64),
    ".pnm": (np.uint8, np.uint16),
    ".bmp": (np.uint8,),
}
NO_ALPHA = (".jpg", ".bmp", ".pnm", ".pfm")


@pytest.mark.parametrize("ending", EXACT)
def test_lossless_kinds_bring_every_value_back(tmp_path, ending):
    out = tmp_path / f"photo{ending}"
    for dtype in EXACT[ending]:
        for channels in ((), (2,), (3,), (4,)):
            if ending in NO_ALPHA and channels in ((2,), (4,)):
                continue
            pixels = picture(*channels, dtype=dtype)
            cp.write(out, pixels)
            back = cp.read(out)
            assert back.dtype == pixels.dtype, (dtype, channels)
            np.testing.assert_array_equal(back.pixels, pixels)
            assert back.light == "srgb"


@pytest.mark.parametrize(
    "ending", [".jpg", ".webp", ".avif", pytest.param(".heic", marks=needs_heif)]
)
def test_lossy_kinds_come_back_close(tmp_path, ending):
    out = tmp_path / f"photo{ending}"
    for channels in ((), (3,), (4,)):
        if ending == ".jpg" and channels == (4,):
            continue
        pixels = picture(*channels)
        cp.write(out, pixels)
        back = cp.read(out).pixels
        if channels == () and ending == ".webp":  # WebP knows no grey
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        assert back.shape == pixels.shape
        assert np.abs(back.astype(float) - pixels).mean() < 3


def test_pfm_holds_linear_light_bottom_row_first(tmp_path):
    pixels = picture(3)
    cp.write(tmp_path / "photo.pfm", pixels)
    back = cp.read(tmp_path / "photo.pfm")
    assert back.light == "linear"
    np.testing.assert_allclose(back.pixels, to_linear(pixels), atol=1e-6)
    data = (tmp_path / "photo.pfm").read_bytes()
    last_row = np.frombuffer(data[-32 * 3 * 4 :], "<f4").reshape(32, 3)
    np.testing.assert_array_equal(last_row, back.pixels[0])


@needs_heif
def test_heic_keeps_ten_bit(tmp_path):
    pixels = picture(3, dtype=np.uint16)
    cp.write(tmp_path / "photo.heic", pixels, quality=100)
    back = cp.read(tmp_path / "photo.heic")
    assert back.dtype == np.uint16
    assert back.depth == 10
    assert np.abs(back.pixels.astype(float) - pixels).mean() < 400


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif_spans_sixteen_bit(tmp_path, bits):
    values = picture(3, dtype=np.uint16) >> (16 - bits)
    data = imagecodecs.avif_encode(values, level=100, bitspersample=bits)
    (tmp_path / "deep.avif").write_bytes(data)
    photo = cp.read(tmp_path / "deep.avif")
    assert photo.depth == bits
    np.testing.assert_allclose(photo.pixels / 65535, values / (2**bits - 1), atol=1e-5)


def test_depth_is_lowered_by_rounding_and_floats_are_clipped(tmp_path):
    deep = np.array([[0, 128, 129, 65535]], np.uint16)
    cp.write(tmp_path / "a.bmp", deep)
    np.testing.assert_array_equal(cp.read(tmp_path / "a.bmp").pixels, [[0, 0, 1, 255]])
    cp.write(tmp_path / "a.png", np.array([[-0.5, 0.0, 0.5, 1.0, 7.0]], np.float32))
    np.testing.assert_array_equal(cp.read(tmp_path / "a.png").pixels, [[0, 0, 32768, 65535, 65535]])
    cp.write(tmp_path / "b.png", np.array([[False, True]]))
    np.testing.assert_array_equal(cp.read(tmp_path / "b.png").pixels, [[0, 255]])


def test_arrays_of_foreign_byte_order_and_stride_are_written_right(tmp_path):
    pixels = picture(3, dtype=np.uint16)
    for ending in (".png", ".tif", ".npy", ".jxl"):
        cp.write(tmp_path / f"a{ending}", pixels.astype(">u2"))
        np.testing.assert_array_equal(cp.read(tmp_path / f"a{ending}").pixels, pixels)
        cp.write(tmp_path / f"a{ending}", pixels[::-2, ::3])
        np.testing.assert_array_equal(cp.read(tmp_path / f"a{ending}").pixels, pixels[::-2, ::3])


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_pictures_too_long_for_a_kind_are_refused(tmp_path, ending):
    with pytest.raises(WriteError, match="does not hold this picture of 70000 x 1 px"):
        cp.write(tmp_path / f"a{ending}", np.zeros((1, 70000), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_stay_in_floats_and_out_of_integers(tmp_path):
    values = np.array([[np.nan, np.inf, -1.0, 1e30]], np.float32)
    for ending in (".tif", ".npy"):
        cp.write(tmp_path / f"a{ending}", values)
        np.testing.assert_array_equal(cp.read(tmp_path / f"a{ending}").pixels, values)
    with pytest.raises(UnsuitableImageError, match="2 of 4"):
        cp.write(tmp_path / "a.png", values)
    assert not (tmp_path / "a.png").exists()


def test_transparent_photos_are_not_flattened(tmp_path):
    pixels = picture(4)
    for ending in NO_ALPHA:
        out = tmp_path / f"photo{ending}"
        with pytest.raises(WriteError, match="transparency"):
            cp.write(out, pixels)
        assert not out.exists()
        pixels_opaque = pixels.copy()
        pixels_opaque[..., 3] = 255
        cp.write(out, pixels_opaque)
        assert cp.read(out).shape == (24, 32, 3)


def test_associated_alpha_is_divided_out(tmp_path):
    straight = picture(4, dtype=np.uint16)
    straight[..., 3] |= 0x8000
    alpha = straight[..., 3:] / 65535
    multiplied = np.dstack([np.rint(straight[..., :3] * alpha).astype(np.uint16), straight[..., 3]])
    tifffile.imwrite(tmp_path / "a.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
    back = cp.read(tmp_path / "a.tif").pixels
    np.testing.assert_allclose(back.astype(float), straight, atol=2)


# TIFF's many faces --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"planarconfig": "separate", "compression": "lzw"},
        {"compression": "zstd", "predictor": True},
    ],
    ids=lambda o: "-".join(o),
)
def test_tiff_of_every_layout(tmp_path, options):
    pixels = picture(3, dtype=np.uint16)
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(cp.read(tmp_path / "a.tif").pixels, pixels)


def test_tiff_page_asked_for(tmp_path):
    first, second = picture(), picture(3)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(first)
        writer.write(second, photometric="rgb")
    np.testing.assert_array_equal(cp.read(tmp_path / "a.tif").pixels, first)
    np.testing.assert_array_equal(cp.read(tmp_path / "a.tif", page=1).pixels, second)
    with pytest.raises(ReadError, match="no page 2"):
        cp.read(tmp_path / "a.tif", page=2)
    cp.write(tmp_path / "a.png", first)
    with pytest.raises(ReadError, match="only TIFF"):
        cp.read(tmp_path / "a.png", page=1)
    with pytest.raises(ValueError, match="page must be >= 0, got -1"):
        cp.read(tmp_path / "a.tif", page=-1)


def test_tiff_palette_white_is_zero_signed_and_few_bits(tmp_path):
    rng = np.random.default_rng(1)
    palette = rng.integers(0, 256, (3, 256), dtype=np.uint16) * 257
    index = picture()
    tifffile.imwrite(tmp_path / "p.tif", index, photometric="palette", colormap=palette)
    np.testing.assert_array_equal(
        cp.read(tmp_path / "p.tif").pixels, np.moveaxis(palette, 0, -1)[index] >> 8
    )
    tifffile.imwrite(tmp_path / "w.tif", index, photometric="miniswhite")
    np.testing.assert_array_equal(cp.read(tmp_path / "w.tif").pixels, 255 - index)
    tifffile.imwrite(tmp_path / "s.tif", np.array([[-32767, 0, 32767]], np.int16))
    np.testing.assert_allclose(cp.read(tmp_path / "s.tif").pixels, [[-1, 0, 1]])
    tifffile.imwrite(tmp_path / "b.tif", index > 128, photometric="minisblack")
    np.testing.assert_array_equal(cp.read(tmp_path / "b.tif").pixels, (index > 128) * 255)


def test_lab_becomes_srgb_as_littlecms_has_it(tmp_path):
    rgb = picture(3)
    lab = ImageCms.applyTransform(
        Image.fromarray(rgb),
        ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        ),
    )
    lab.save(tmp_path / "lab.tif")
    back = cp.read(tmp_path / "lab.tif").pixels
    assert np.abs(back.astype(int) - rgb).mean() < 2  # 8-bit Lab is coarse


def test_cmyk_without_a_profile_is_light_that_the_inks_leave(tmp_path):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[0, 0] = (255, 0, 0, 0)
    inks[0, 1] = (0, 0, 0, 255)
    Image.frombytes("CMYK", (8, 8), inks.tobytes()).save(tmp_path / "a.tif")
    rgb = cp.read(tmp_path / "a.tif").pixels
    np.testing.assert_array_equal(rgb[0, :3], [[0, 255, 255], [0, 0, 0], [255, 255, 255]])
    Image.frombytes("CMYK", (8, 8), inks.tobytes()).save(tmp_path / "a.jpg", quality=100)
    rgb = cp.read(tmp_path / "a.jpg").pixels
    assert rgb[7, 7].min() > 240  # paper, whether or not the inks are stored upside down
    cp.write(tmp_path / "b.jpg", cp.read(tmp_path / "a.jpg"))
    assert tables(tmp_path / "b.jpg") == tables(tmp_path / "a.jpg")


# Metadata -----------------------------------------------------------------------------------------

WITH_EXIF = [".jpg", ".png", ".tif", ".webp", ".avif", ".jxl"]
WITH_EXIF = [*WITH_EXIF, pytest.param(".heic", marks=needs_heif)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", WITH_EXIF)
def test_exif_xmp_profile_and_resolution_come_back(tmp_path, ending, order):
    block = exif.cleaned(exif_block(1, order=order))
    photo = cp.Photo(
        picture(3), exif=block, xmp=exif.xmp_upright(XMP), icc=ADOBE_RGB, dpi=(300.0, 240.0)
    )
    cp.write(tmp_path / f"photo{ending}", photo)
    back = cp.read(tmp_path / f"photo{ending}")
    found, wanted = said(back.exif), said(block)
    assert found[0x0110] == "Test camera"
    assert found[0x829A] == wanted[0x829A]  # exposure time
    assert found["gps"] == wanted["gps"] != {}
    assert back.xmp == photo.xmp
    assert back.dpi == (300.0, 240.0)
    if ending != ".jxl":  # which has sRGB instead
        assert back.icc == ADOBE_RGB
        assert isinstance(back.light, ToneCurve)


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_applied_and_reset(tmp_path, turn):
    upright = picture(3)
    block = exif_block(turn, thumbnail=b"\xff\xd8 a small picture \xff\xd9")
    stored = Image.fromarray(upright)
    undo = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[turn]
    way_back = Image.Exif()
    way_back[exif.ORIENTATION] = undo
    stored.info["exif"] = way_back.tobytes()
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=way_back)
    stored = ImageOps.exif_transpose(Image.open(buffer))  # as the camera would have stored it
    raw = cp.Photo(np.asarray(stored), exif=block, xmp=XMP, dpi=(240.0, 300.0))
    for ending in (".png", ".tif", ".webp"):
        if ending == ".tif":
            tifffile.imwrite(
                tmp_path / "a.tif",
                raw.pixels,
                photometric="rgb",
                extratags=[(274, 3, 1, turn, True)],
            )
        else:
            raw = replace(raw, lossless=True)
            cp.write(tmp_path / f"a{ending}", raw)
        photo = cp.read(tmp_path / f"a{ending}")
        np.testing.assert_array_equal(photo.pixels, upright)
        assert exif.orientation(photo.exif) == 1
        if ending != ".tif":
            assert b"small picture" not in photo.exif
            found = said(photo.exif)
            assert found[0x829A] == said(block)[0x829A]
            assert (found[exif.PIXELS_ACROSS], found[exif.PIXELS_DOWN]) == (32, 24)
            assert b'tiff:Orientation="1"' in photo.xmp
        if ending == ".png":
            assert photo.dpi == ((240.0, 300.0) if turn < 5 else (300.0, 240.0))
        cp.write(tmp_path / f"b{ending}", photo)  # and once more: nothing turns twice
        np.testing.assert_array_equal(cp.read(tmp_path / f"b{ending}").pixels, upright)


def test_jpeg_keeps_its_own_quality_and_subsampling(tmp_path):
    for quality, sampling in ((35, "4:2:0"), (80, "4:2:2"), (97, "4:4:4")):
        Image.fromarray(picture(3)).save(tmp_path / "a.jpg", quality=quality, subsampling=sampling)
        photo = cp.read(tmp_path / "a.jpg")
        assert photo.jpeg_sampling == sampling
        cp.write(tmp_path / "b.jpg", photo)
        assert tables(tmp_path / "b.jpg") == tables(tmp_path / "a.jpg")
        assert cp.read(tmp_path / "b.jpg").jpeg_sampling == sampling
        cp.write(tmp_path / "c.jpg", photo, quality=60)
        named = io.BytesIO()
        Image.fromarray(picture(3)).save(named, "JPEG", quality=60)
        assert tables(tmp_path / "c.jpg") == tables(named)


def test_broken_exif_is_left_out_not_fatal(tmp_path):
    for block in (b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"junk" * 30):
        data = cp.encode(cp.Photo(picture(3)), tmp_path / "a.jpg")
        segment = b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
        (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:])
        assert cp.read(tmp_path / "a.jpg").exif is None


def test_imagemagick_writes_exif_of_png_as_text(tmp_path):
    block = exif_block(3)
    digits = (b"Exif\0\0" + block).hex().encode()
    body = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(block) + 6, digits)
    data = cp.encode(cp.Photo(picture(3)), tmp_path / "a.png")
    chunk = struct.pack(">I", len(body)) + b"tEXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"tEXt" + body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    photo = cp.read(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.pixels, picture(3)[::-1, ::-1])
    assert said(photo.exif)[0x0110] == "Test camera"


# Colour -------------------------------------------------------------------------------------------


def test_wide_gamut_is_linearised_by_its_own_curve(tmp_path):
    cp.write(tmp_path / "a.tif", cp.Photo(picture(3), icc=ADOBE_RGB))
    photo = cp.read(tmp_path / "a.tif")
    expected = (photo.pixels / 255.0) ** (563 / 256)
    np.testing.assert_allclose(to_linear(photo.pixels, light=photo.light), expected, atol=1e-5)


def test_kinds_without_profiles_get_srgb(tmp_path):
    photo = cp.Photo(picture(3), icc=ADOBE_RGB, light=ToneCurve.gamma(563 / 256))
    # Adobe RGB (1998) to sRGB, both of white D65: the closed form.
    matrix = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])
    linear = (photo.pixels / 255) ** (563 / 256) @ matrix.T
    expected = linear_to_srgb(np.clip(linear, 0, 1)) * 255
    for ending in (".bmp", ".pnm", ".jxl"):
        cp.write(tmp_path / f"a{ending}", photo)
        back = cp.read(tmp_path / f"a{ending}")
        assert back.light == "srgb"
        assert np.abs(back.pixels - expected).max() < 0.7


def test_linear_light_stays_true_in_every_kind(tmp_path):
    linear = picture(3, dtype=np.float32)
    photo = cp.Photo(linear, light="linear")
    for ending in (".tif", ".png", ".jpg", ".bmp", ".jxl", ".pfm", ".webp"):
        cp.write(tmp_path / f"a{ending}", photo)
        back = cp.read(tmp_path / f"a{ending}")
        error = np.abs(to_linear(back.pixels, light=back.light) - linear).mean()
        assert error < 0.03, ending
        if ending in (".tif", ".png"):
            assert back.light == "linear"
            assert error < 1e-5


def test_png_gamma_chunk_is_honoured_and_kept(tmp_path):
    curve = ToneCurve.gamma(1.8)
    cp.write(tmp_path / "a.png", cp.Photo(picture(3), light=curve))
    back = cp.read(tmp_path / "a.png")
    assert isinstance(back.light, ToneCurve)
    x = np.linspace(0, 1, 50)
    np.testing.assert_allclose(back.light.decode(x), x**1.8, atol=1e-4)
    cp.write(tmp_path / "a.jpg", back)  # which cannot say so
    expected = linear_to_srgb((picture(3) / 255) ** 1.8)
    assert np.abs(cp.read(tmp_path / "a.jpg").pixels / 255 - expected).mean() < 0.02


def test_profile_of_another_colour_model_is_dropped(tmp_path):
    grey = cp.Photo(picture(), icc=ADOBE_RGB)
    for ending in (".png", ".jpg", ".tif"):
        cp.write(tmp_path / f"a{ending}", grey)
        back = cp.read(tmp_path / f"a{ending}")
        assert back.icc is None
        assert back.pixels.ndim == 2


def test_caller_may_know_the_light_better(tmp_path):
    cp.write(tmp_path / "a.png", picture(3))
    assert cp.read(tmp_path / "a.png", light="linear").light == "linear"


def cmyk_profile() -> bytes:
    """A press that never was: 8-bit lookup tables whose sixteen corners are given Lab colours."""
    corners = [cmyk_corner(i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(16)]
    nodes = bytes(
        value
        for lightness, a, b in corners
        for value in (round(lightness * 2.55), round(a) + 128, round(b) + 128)
    )
    straight = bytes(range(256))
    one = struct.pack(">9i", *(65536 * int(i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + one + straight * 4 + nodes + straight * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"a test\0\0"
    tags = {b"A2B0": table, b"wtpt": white, b"cprt": text, b"desc": text}
    at = 128 + 4 + 12 * len(tags)
    rows, body = b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        rows += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    head = bytearray(128)
    head[0:4] = struct.pack(">I", at + len(body))
    head[8:12] = b"\2\x40\0\0"
    head[12:24] = b"prtrCMYKLab "
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", len(tags)) + rows + body


def cmyk_corner(c: int, m: int, y: int, k: int) -> tuple[float, float, float]:
    if k:
        return (0, 0, 0)
    return (100 - 20 * c - 25 * m - 5 * y, -30 * c + 40 * m, -20 * c + 40 * y)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_goes_through_its_profile(tmp_path, dtype):
    top = np.iinfo(dtype).max
    sets = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 1, 1, 0), (0, 0, 0, 1)]
    inks = (np.array(sets)[None] * top).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        inks,
        photometric="separated",
        iccprofile=cmyk_profile(),
        extrasamples=[],
    )
    photo = cp.read(tmp_path / "a.tif")
    lab = np.array([[cmyk_corner(*inks) for inks in sets]], np.float32)
    expected = lab_to_rgb(lab, np.dtype(dtype))
    assert photo.dtype == dtype
    assert np.abs(photo.pixels / top - expected / top).max() < 0.02
    assert photo.icc is None  # the pixels are sRGB now


# PNM ----------------------------------------------------------------------------------------------


def test_pnm_in_text_and_in_odd_ranges(tmp_path):
    cases = {
        b"P1\n# a comment\n3 2\n1 0 1\n010": [[0, 255, 0], [255, 0, 255]],
        b"P2 2 1 # comment\n100\n0 100": [[0, 255]],
        b"P3 1 1 255\n1 2 3": [[[1, 2, 3]]],
        b"P4 3 1\n\xa0": [[0, 255, 0]],
        b"P5 2 1 1023\n\x00\x00\x03\xff": [[0, 65535]],
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\1\2\3\4": [
            [[1, 2, 3, 4]]
        ],
    }
    for data, expected in cases.items():
        (tmp_path / "a.pnm").write_bytes(data)
        np.testing.assert_array_equal(cp.read(tmp_path / "a.pnm").pixels, expected)
    for data in (b"P5 2 2 255\nabc", b"P2 2 1 255\n1", b"P5 x 1 255\na", b"P6 1 1 70000\nabc"):
        (tmp_path / "a.pnm").write_bytes(data)
        with pytest.raises(ReadError):
            cp.read(tmp_path / "a.pnm")


def test_pgm_is_for_grey_and_ppm_for_colour(tmp_path):
    with pytest.raises(WriteError, match="pnm takes both"):
        cp.write(tmp_path / "a.pgm", picture(3))
    cp.write(tmp_path / "a.ppm", picture(3))
    assert (tmp_path / "a.ppm").read_bytes().startswith(b"P6")


# JPEG XL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (400, 300), (160, 90), (37, 600), (3, 9000)]
)
@pytest.mark.parametrize("container", [True, False])
def test_size_of_jpeg_xl_is_known_before_unpacking(size, container):
    width, height = size
    blank = np.zeros((height, width), np.uint8)
    data = imagecodecs.jpegxl_encode(blank, lossless=True, effort=1, usecontainer=container)
    stream = jxl._codestream(jxl._boxes(data)) if container else data
    assert jxl._size(stream) == size


def test_packed_notes_of_jpeg_xl_are_read_within_reason(tmp_path):
    bare = bytes(imagecodecs.jpegxl_encode(picture(3), lossless=True, usecontainer=True))
    for note, kept in ((bytes(4) + exif_block(1), True), (bytes(1 << 24), False)):
        body = b"brobExif" + imagecodecs.brotli_encode(note)
        (tmp_path / "a.jxl").write_bytes(bare + struct.pack(">I", len(body) + 4) + body)
        assert (cp.read(tmp_path / "a.jxl").exif is not None) is kept


# RAW and extras -----------------------------------------------------------------------------------


def dng(path, mosaic: np.ndarray, turn: int = 1) -> None:
    """The least that LibRaw takes for a DNG: a Bayer mosaic with an identity colour matrix."""
    identity = [v for row in np.eye(3, dtype=int) for n in row for v in (int(n), 1)]
    tifffile.imwrite(
        path,
        mosaic,
        photometric=32803,
        metadata=None,
        software=False,
        extratags=[
            (271, 2, 0, "Test", True),
            (272, 2, 0, "Mosaic", True),
            (274, 3, 1, turn, True),
            (33421, 3, 2, (2, 2), True),
            (33422, 1, 4, (0, 1, 1, 2), True),
            (50706, 1, 4, (1, 4, 0, 0), True),
            (50707, 1, 4, (1, 1, 0, 0), True),
            (50708, 2, 0, "Test Mosaic", True),
            (50714, 3, 1, 0, True),
            (50717, 4, 1, 65535, True),
            (50721, 10, 9, identity, True),
            (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
            (50778, 3, 1, 21, True),
        ],
    )


@needs_raw
def test_raw_is_developed_to_linear_light(tmp_path):
    ramp = np.tile(np.linspace(2000, 30000, 96), (64, 1)).astype(np.uint16)
    dng(tmp_path / "a.dng", ramp)
    photo = cp.read(tmp_path / "a.dng")
    assert photo.light == "linear"
    assert photo.dtype == np.uint16
    grey = photo.pixels[8:-8, 8:-8].astype(float).mean(axis=(0, 2))
    assert np.corrcoef(grey, ramp[0, 8 : 8 + grey.size])[0, 1] > 0.9999  # a ramp stays one
    assert said(photo.exif)[0x0110] == "Mosaic"
    dng(tmp_path / "b.dng", ramp, turn=6)
    assert cp.read(tmp_path / "b.dng").shape[:2] == photo.shape[1::-1]
    cp.write(tmp_path / "a.tif", photo)
    back = cp.read(tmp_path / "a.tif")
    assert back.light == "linear"
    np.testing.assert_array_equal(back.pixels, photo.pixels)


@pytest.mark.parametrize(
    ("package", "extra", "name"),
    [("rawpy", "raw", "a.dng"), ("pillow_heif", "heif", "a.heic")],
)
def test_missing_extra_is_named_with_its_command(tmp_path, monkeypatch, package, extra, name):
    if extra == "raw":
        dng(tmp_path / name, np.zeros((32, 32), np.uint16))
    else:
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'cepstro\[{extra}\]'"):
        cp.read(tmp_path / name)


# The table in the docs ----------------------------------------------------------------------------

FORMATS = Path(__file__).parents[1] / "docs" / "formats.md"


def rows() -> list[dict[str, str]]:
    """The table of formats, a row a dictionary."""
    lines = [line for line in FORMATS.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def test_docs_list_every_ending_that_is_written():
    listed = {
        ending for row in rows() for ending in row["Endings"].split() if row["Writes bits"] != "–"
    }
    assert listed == {ending for kind in KINDS for ending in kind.endings}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["Format"].split(" (")[0])
def test_docs_say_what_each_format_keeps(tmp_path, row):
    if row["Writes bits"] == "–":
        pytest.skip("only read")
    if "heif" in row["Format"] and not HEIF:
        pytest.skip("the extra heif (pillow-heif) is not installed")
    out = tmp_path / f"photo{row['Endings'].split()[0]}"
    block = exif.cleaned(exif_block(1))
    photo = cp.Photo(picture(3), exif=block, xmp=exif.xmp_upright(XMP), icc=ADOBE_RGB)
    cp.write(out, photo)
    back = cp.read(out)
    keeps = {
        "EXIF, XMP": bool(back.exif and said(back.exif)[0x829A]) and back.xmp == photo.xmp,
        "ICC": back.icc == ADOBE_RGB,
    }
    cp.write(out, picture())
    keeps["Grey"] = cp.read(out).pixels.ndim == 2
    try:
        cp.write(out, picture(4))
        keeps["Alpha"] = cp.read(out).shape[2] == 4
    except WriteError:
        keeps["Alpha"] = False
    assert keeps == {name: row[name] == "yes" for name in keeps}
    written = [bits.split()[0] for bits in row["Writes bits"].split(", ")]
    for bits, dtype in (
        ("8", np.uint8),
        ("16", np.uint16),
        ("32", np.uint32),
        ("float", np.float32),
    ):
        cp.write(out, picture(dtype=dtype))
        back = cp.read(out)
        assert ("float" if back.dtype.kind == "f" else str(back.depth)) in written
        assert bits not in written or back.dtype == dtype


@pytest.mark.parametrize(
    ("ending", "dtype"),
    [
        (".jpg", np.uint8),
        (".png", np.uint16),
        (".tif", np.float32),
        (".tif", np.uint16),
        (".webp", np.uint8),
        (".avif", np.uint8),
        (".jxl", np.uint16),
        pytest.param(".heic", np.uint16, marks=needs_heif),
    ],
)
def test_a_blurred_photo_is_still_the_same_photo(tmp_path, ending, dtype):
    """Through the command line: depth, EXIF, XMP, profile, resolution and JPEG quality stay."""
    photo = cp.Photo(
        picture(3, dtype=dtype, shape=(72, 96)),
        exif=exif.cleaned(exif_block(1)),
        xmp=exif.xmp_upright(XMP),
        icc=None if ending == ".jxl" else ADOBE_RGB,
        dpi=(300.0, 240.0),
    )
    source, out = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    cp.write(source, photo, quality=None if ending in (".png", ".tif") else 88)
    done = CliRunner().invoke(app, ["blur", "-a", "3", str(source), str(out)])
    assert done.exit_code == 0, done.output
    before, after = cp.read(source), cp.read(out)
    assert not np.array_equal(after.pixels, before.pixels)
    for name in ("shape", "dtype", "light", "depth", "icc", "xmp", "dpi", "jpeg_tables",
                 "jpeg_sampling"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name
    assert said(after.exif) == said(before.exif)


# Photo --------------------------------------------------------------------------------------------


def test_photo_and_array_pass_through_unpack_and_repack():
    pixels = picture(3)
    photo = cp.Photo(pixels, light="linear", dpi=(72.0, 72.0))
    assert cp.unpack(photo)[0] is pixels
    assert cp.unpack(photo)[1] == "linear"
    assert cp.unpack(photo, "srgb")[1] == "srgb"
    assert cp.unpack(pixels)[1] == "srgb"
    other = pixels[::2]
    again = cp.repack(photo, other)
    assert again.dpi == photo.dpi
    assert again.pixels is other
    assert cp.repack(pixels, other) is other
    with pytest.raises(TypeError, match="array or a Photo"):
        cp.unpack([[1, 2]])
    with pytest.raises(ValueError, match="must not be empty"):
        cp.Photo(np.zeros((0, 4)))


def test_photos_travel_between_processes():
    photo = cp.Photo(picture(3), light=ToneCurve.gamma(1.8), exif=b"II*", dpi=(72.0, 72.0))
    back = pickle.loads(pickle.dumps(photo))
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    assert (back.light, back.exif, back.dpi) == (photo.light, photo.exif, photo.dpi)


def test_many_threads_read_and_write_at_once(tmp_path):
    endings = [".jpg", ".png", ".tif", ".webp", ".avif", ".jxl", ".bmp", ".pnm"] * 3

    def there_and_back(job: tuple[int, str]) -> np.ndarray:
        number, ending = job
        out = tmp_path / f"{number}{ending}"
        cp.write(out, picture(3))
        return cp.read(out).pixels

    alone = {ending: there_and_back((-1, ending)) for ending in endings[:8]}
    with ThreadPoolExecutor(8) as pool:
        for (_, ending), pixels in zip(
            enumerate(endings), pool.map(there_and_back, enumerate(endings)), strict=True
        ):
            np.testing.assert_array_equal(pixels, alone[ending])


@settings(max_examples=80, deadline=2000)
@given(
    ending=st.sampled_from([kind.endings[0] for kind in KINDS if kind.name != "HEIC"]),
    dtype=st.sampled_from([bool, np.uint8, np.uint16, np.uint32, np.float16, np.float32, float]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 4)),
)
def test_any_array_is_written_at_its_size_or_refused(tmp_path_factory, ending, dtype, shape):
    rng = np.random.default_rng(0)
    rows, columns, channels = shape
    values = rng.random((rows, columns, channels) if channels else (rows, columns))
    kind = np.dtype(dtype)
    pixels = (values * np.iinfo(kind).max if kind.kind == "u" else values > 0.5 if kind.kind == "b"
              else values).astype(kind)  # fmt: skip
    out = tmp_path_factory.mktemp("any") / f"a{ending}"
    try:
        cp.write(out, pixels)
    except WriteError as error:
        assert "transparency" in str(error)
        assert channels in (2, 4)
        return
    back = cp.read(out).pixels
    assert back.shape[:2] == (rows, columns)
    light = "linear" if ending == ".pfm" else "srgb"
    white = 1 if back.dtype.kind == "f" else np.iinfo(back.dtype).max
    if ending in (".png", ".tif", ".jxl", ".npy", ".bmp", ".pnm") and channels in (0, 3):
        unit = np.iinfo(kind).max if kind.kind == "u" else 1
        np.testing.assert_allclose(back / white, pixels / unit, atol=0.003)
    assert light == cp.read(out).light


def test_a_file_is_what_it_holds_whatever_its_name(tmp_path):
    cp.write(tmp_path / "a.png", picture(3))
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert cp.read(tmp_path / "a.jpg").format == "png"


def test_unknown_endings_and_qualities_are_refused(tmp_path):
    with pytest.raises(WriteError, match="no ending that can be written"):
        cp.write(tmp_path / "a.gif", picture(3))
    with pytest.raises(ValueError, match="quality must be 1 to 100, got 0"):
        cp.write(tmp_path / "a.jpg", picture(3), quality=0)
    with pytest.raises(ValueError, match="max_pixels must be > 0, got 0"):
        cp.read(tmp_path / "a.jpg", max_pixels=0)


def test_reading_modules_load_no_image_library():
    code = (
        "import sys, cepstro.photo; "
        "print({'PIL', 'tifffile', 'imagecodecs', 'scipy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
