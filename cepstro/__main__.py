"""``python -m cepstro``: the same as the ``cepstro`` command."""

from cepstro.cli import main

if __name__ == "__main__":
    main()
