"""Measure the defocus blur of one photo, undo it, or lay it on another picture."""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
