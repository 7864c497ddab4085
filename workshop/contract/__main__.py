"""`python -m workshop.contract` renews docs/promises.md."""

from workshop.contract import overview

if __name__ == "__main__":
    overview.renew()
