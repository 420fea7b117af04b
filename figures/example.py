"""Make the photo of the README's example: a portrait out of focus by a known amount.

    python figures/example.py OUT.jpg [SHARP.png]

The sharp photo is the portrait of Grace Hopper (public domain) that matplotlib ships. It is blurred
in linear light by a disk 14 px across, cut to the part that nothing beyond the frame reached, given
noise of 1/255 from a fixed seed, and saved as JPEG of quality 92.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import cepstro

DIAMETER = 14.0
NOISE = 1.0
QUALITY = 92


def portrait() -> np.ndarray:
    """The sharp photo, H x W x 3 uint8."""
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Image.open(path))


def pair() -> tuple[np.ndarray, np.ndarray]:
    """The sharp photo and the blurred, noisy one, cut alike."""
    sharp = portrait()
    soft = cepstro.blur(sharp.astype(np.float32) / 255, cepstro.Disk(DIAMETER))
    rim = int(DIAMETER / 2) + 2
    inside = np.s_[rim:-rim, rim:-rim]
    noise = np.random.default_rng(1906).standard_normal(soft.shape)
    noisy = np.clip(np.rint(255 * soft + NOISE * noise), 0, 255).astype(np.uint8)
    return sharp[inside], noisy[inside]


if __name__ == "__main__":
    clean, blurred = pair()
    Image.fromarray(blurred).save(sys.argv[1], quality=QUALITY)
    if len(sys.argv) > 2:
        Image.fromarray(clean).save(sys.argv[2])
    print(f"{sys.argv[1]}: out of focus by a disk {DIAMETER:g} px across")
