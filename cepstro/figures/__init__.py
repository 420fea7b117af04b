"""Figures of what was measured: pure functions from results to matplotlib Figures.

A panel takes Axes and returns them; a page takes results and returns a Figure; `save` writes it.
Nothing here computes a result, and nothing but the command line imports it.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["panels", "style", "words"],
    submod_attrs={
        "analysis_page": ["analysis_figure"],
        "comparison": ["comparison_figure"],
        "kernel_page": ["kernel_figure"],
        "picture": ["cepstrum_picture"],
        "report": ["report_html"],
        "style": ["DARK", "LIGHT", "Theme", "save"],
    },
)
