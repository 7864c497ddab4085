"""Invites, which `accounts` makes: are they good, and when do they end."""

from sqlalchemy import delete, or_, select

from final_app import clock
from final_app.errors import Forbidden, NotFound
from final_app.models import Invite, db
from final_app.store import writes


def valid(code: str) -> Invite:
    """Return an invite that still lets somebody in. Raises Forbidden."""
    found = db.session.scalar(select(Invite).filter_by(code=code))
    if found is None or found.uses_left < 1 or found.expires_at < clock.now():
        raise Forbidden("This invite is not valid (any more). Ask for a new one.", field="invite")
    return found


@writes
def revoke(code: str) -> None:
    """End an invite before its time. Raises NotFound."""
    if not db.session.scalar(delete(Invite).where(Invite.code == code).returning(Invite.id)):
        raise NotFound("There is no such invite.")


@writes
def forget_spent() -> int:
    """Forget the invites that let nobody in any more; return how many."""
    spent = or_(Invite.uses_left < 1, Invite.expires_at < clock.now())
    return len(list(db.session.scalars(delete(Invite).where(spent).returning(Invite.id))))
