"""How promises come to a person with an account, and what they need to try one out."""

from itertools import count

from workshop.contract.browse import let_in
from workshop.contract.families import Account, family_of
from workshop.contract.promise import Broken
from workshop.stages import Stage

_numbers = count(1)
_known: dict[str, str] = {}  # by the stage's token: a name that has an account


def fresh_name() -> str:
    """Return a name that nobody has yet."""
    return f"Ada{next(_numbers)}"


def account_of(chat: Stage) -> Account:
    """Return the adapter of a stage with accounts. Raises Broken when it has none yet."""
    family = family_of(chat)
    if isinstance(family, Account):
        return family
    raise Broken(
        expected="The front page asks for a name and a password.",
        seen="no field for a password on `/`",
        hint="From step 08 on, index.html has two forms: one registers, one logs in.",
    )


def known_name(chat: Stage) -> str:
    """Return the name of somebody who has an account, and nobody else's: passwords take their time."""
    if chat.token not in _known:
        name = fresh_name()
        with let_in(chat):
            account_of(chat).new_browser(chat, name)
        _known[chat.token] = name
    return _known[chat.token]
