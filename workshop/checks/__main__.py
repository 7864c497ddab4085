"""`python -m workshop.checks` regenerates docs/promises.md."""

from workshop.checks import overview

if __name__ == "__main__":
    overview.renew()
