"""Deblurring by scikit-image, DIPlib and OpenCV, each with the settings to choose from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cepstro.psf import PSF

Restore = Callable[[np.ndarray], np.ndarray]  # 0..1 in and out


def peers(psf: PSF) -> dict[str, list[Restore]]:
    """Each peer with the settings to choose from."""
    import cv2
    import diplib
    from skimage import restoration

    kernel = np.maximum(psf.kernel(), 0)
    kernel /= kernel.sum()
    constants = [10.0**e for e in (-4, -3.5, -3, -2.5, -2, -1.5, -1)]

    def dip(work: Callable, *settings: object) -> Restore:
        return lambda picture: np.asarray(
            work(diplib.Image(picture), diplib.Image(kernel), *settings)
        )

    def opencv(constant: float) -> Restore:
        """The sample's recipe: a drawn disk, dft, division, idft; the borders wrap round."""

        def work(picture: np.ndarray) -> np.ndarray:
            drawn = np.zeros(picture.shape, np.float32)
            height, width = picture.shape
            radius = round(psf.diameter / 2)
            cv2.circle(drawn, (width // 2, height // 2), radius, 1.0, -1)
            drawn = np.fft.ifftshift(drawn / drawn.sum())
            otf = cv2.dft(drawn, flags=cv2.DFT_COMPLEX_OUTPUT)[..., 0]
            spectrum = cv2.dft(picture.astype(np.float32), flags=cv2.DFT_COMPLEX_OUTPUT)
            spectrum *= (otf / (otf**2 + np.float32(constant)))[..., None]
            return cv2.idft(spectrum, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)

        return work

    return {
        "skimage wiener": [
            lambda p, b=b: restoration.wiener(p, kernel, b, clip=False)
            for b in (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
        ],
        "skimage unsupervised_wiener": [
            lambda p: restoration.unsupervised_wiener(p, kernel, clip=False, rng=0)[0]
        ],
        "skimage richardson_lucy": [
            lambda p, n=n: restoration.richardson_lucy(p, kernel, num_iter=n, clip=False)
            for n in (10, 30, 90)
        ],
        "DIPlib Wiener": [dip(diplib.WienerDeconvolution, k) for k in constants],
        "DIPlib Richardson-Lucy TV": [
            dip(diplib.RichardsonLucy, r, n) for r, n in ((0.0, 10), (0.01, 30))
        ],
        "DIPlib FISTA": [
            dip(diplib.FastIterativeShrinkageThresholding, r, 1e-6, 40)
            for r in (0.0003, 0.003, 0.03)
        ],
        "OpenCV recipe": [opencv(k) for k in constants],
    }
