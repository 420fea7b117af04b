"""How large a picture may be: checked from the header, before anything is unpacked."""

from __future__ import annotations

from dataclasses import dataclass

from cepstro.errors import ReadError

MAX_PIXELS = 300_000_000
MAX_SIDE = 1_000_000
# Bytes that the limit stands for: 300 MP are 1.2 GB; who names one gets pixels of any depth.
_BYTES_A_PIXEL, _NAMED_BYTES_A_PIXEL = 4, 16
# Photos never pack this well; what does is flat, or a bomb. Asked only of large pictures.
_BOMB_RATIO, _BOMB_PIXELS = 400, 50_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """The pixels that a picture may have, and whether the caller named that number."""

    pixels: int = MAX_PIXELS
    named: bool = False

    @property
    def file_bytes(self) -> int:
        """Bytes of a file that is read as a whole; 600 MB unless a limit is named."""
        return (64 << 20) + (self.bytes if self.named else self.bytes // 2)

    @property
    def bytes(self) -> int:
        """Memory that a picture may take when unpacked; 1.2 GB unless a limit is named."""
        return self.pixels * (_NAMED_BYTES_A_PIXEL if self.named else _BYTES_A_PIXEL)

    def check(self, width: int, height: int, *, stored: int, sample_bytes: int = 3) -> None:
        """Raise unless a picture of this size may be unpacked.

        Parameters
        ----------
        width, height : int
            As the file's header says.
        stored : int
            Bytes of the file.
        sample_bytes : int
            Bytes a pixel takes when unpacked.
        """
        if width < 1 or height < 1:
            raise ReadError(f"it says {width} x {height} px, which is no picture")
        count = width * height
        size = f"{width} x {height} px ({megapixels(count)})"
        if count > self.pixels:
            raise ReadError(
                f"it has {size}, more than the limit of {megapixels(self.pixels)}; "
                f"if it is to be trusted, set --max-pixels (max_pixels) to {count}"
            )
        if max(width, height) > MAX_SIDE:
            raise ReadError(f"it has {size}, a side longer than {MAX_SIDE:,} px")
        unpacked = count * sample_bytes
        if unpacked > self.bytes:
            raise ReadError(
                f"it has {size} of {sample_bytes} bytes each, {unpacked / 1e9:.1f} GB; "
                "if there is memory for that, set --max-pixels (max_pixels) to "
                f"{max(count, -(-unpacked // _NAMED_BYTES_A_PIXEL))}"
            )
        if not self.named and count > _BOMB_PIXELS and unpacked > _BOMB_RATIO * stored:
            raise ReadError(
                f"it packs {size} into {stored:,} bytes, as no photo does; "
                f"if it is to be trusted, set --max-pixels (max_pixels) to {count}"
            )


def megapixels(count: int) -> str:
    """Write a number of pixels to the last of them: 0.254016 MP."""
    return f"{count / 1e6:,.6f}".rstrip("0").rstrip(".") + " MP"
