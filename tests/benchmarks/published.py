"""The row "1/f^2, iterated border" of the design notes, implemented apart from the package's fit.

A Wiener filter whose scene falls as A / f^2, with A fitted to the photo, the noise's sigma given,
and the unseen surroundings renewed six times by the estimate, blurred again. With A from the mean
power, the row lay 7 to 15 dB below the blurred photo in 8 of 60 cases, all on `lomiri_seeding`.
"""

from __future__ import annotations

import numpy as np

from cepstro.fft import irfft2, rfft2
from cepstro.light import linear_to_srgb, srgb_to_linear
from cepstro.psf import PSF
from cepstro.restore.borders import embed, frame_shape


def published(blurred: np.ndarray, psf: PSF, noise: float) -> np.ndarray:
    """Wiener with NSR = 4 sigma^2 / (A / f^2), the border asked anew six times; sigma is given."""
    light = srgb_to_linear(blurred / 255).astype(np.float32)
    mean = light.mean()
    slope = np.gradient(srgb_to_linear(np.arange(256) / 255), 1 / 255)[blurred]
    variance = float(np.mean(slope**2)) * (noise**2 + 1 / 12) / 255**2
    frame = embed(light - mean, frame_shape(light.shape, psf.halfwidth), max(light.shape))
    seen = np.s_[: light.shape[0], : light.shape[1]]
    otf = psf.otf(frame.shape)
    f2 = np.fft.fftfreq(frame.shape[0])[:, None] ** 2 + np.fft.rfftfreq(frame.shape[1]) ** 2
    f2[0, 0] = f2[0, 1] / 4
    nsr = 4 * variance * f2 / scene_power(light, psf, variance)
    filter = (otf / (otf**2 + nsr)).astype(np.float32)
    for _ in range(6):
        spectrum = rfft2(frame) * filter
        frame = irfft2(spectrum * otf, frame.shape)
        frame[seen] = light - mean
    restored = irfft2(rfft2(frame) * filter, frame.shape)[seen] + mean
    return linear_to_srgb(np.clip(restored, 0, 1))


def scene_power(light: np.ndarray, psf: PSF, variance: float) -> float:
    """A of a scene's power A / f^2, from its blurred photo with white noise of known variance.

    The median, over circles evenly apart in ln f, of what is seen there over what A = 1 would show,
    where that is well above the noise. (The mean over all frequencies is told by the lowest alone.)
    """
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in light.shape))
    power = np.abs(rfft2((light - light.mean()) * window)) ** 2 / np.sum(window**2)
    fy, fx = np.fft.fftfreq(light.shape[0])[:, None], np.fft.rfftfreq(light.shape[1])
    rho = np.maximum(np.hypot(fy, fx), 1e-9)
    edges = np.geomspace(3 / min(light.shape), 0.5, 40)
    circle = np.digitize(rho, edges).ravel()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(circle, values.ravel(), len(edges) + 1)[1:-1]

    noise = total(np.full(rho.shape, variance))
    scene = total(power) - noise
    expected = total(psf.transfer(fy, fx) ** 2 / rho**2)
    clear = (scene > 3 * noise) & (noise > 0)
    if not clear.any():  # only noise is seen: all that there can be
        clear = noise > 0
        scene = np.maximum(scene, noise)
    return float(np.exp(np.median(np.log(scene[clear] / expected[clear]))))
