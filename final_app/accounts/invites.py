"""Invites: codes that let people register, for a limited time and number of uses."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select

from final_app.chat import people
from final_app.errors import Forbidden, NotFound
from final_app.lib import clock
from final_app.storage.models import Invite, db
from final_app.storage.transaction import exclusive_transaction

DAYS = 7
USES = 20


@exclusive_transaction
def create(user_id: int) -> dict[str, Any]:
    """Create an invite and return {code, expires_at, uses_left}. Only administrators can do this."""
    if people.get_active(user_id).role != "admin":
        raise Forbidden("Only an administrator can invite people.")
    invite = Invite(
        code=clock.token(),
        created_by=user_id,
        expires_at=clock.now() + timedelta(days=DAYS),
        uses_left=USES,
    )
    db.session.add(invite)
    return {"code": invite.code, "expires_at": clock.iso(invite.expires_at), "uses_left": USES}


def get_valid(code: str) -> Invite:
    """Return the invite with this code. Raises Forbidden if it is unknown or no longer valid."""
    invite = db.session.scalar(select(Invite).filter_by(code=code))
    if invite is None or invite.uses_left < 1 or invite.expires_at < clock.now():
        raise Forbidden("This invite is no longer valid. Ask for a new one.", field="invite")
    return invite


def newest_valid(user_id: int) -> str | None:
    """Return the code of the newest valid invite that this user created, or None."""
    valid = (Invite.uses_left > 0) & (Invite.expires_at > clock.now())
    query = select(Invite.code).where(Invite.created_by == user_id, valid)
    return db.session.scalar(query.order_by(Invite.id.desc()).limit(1))


@exclusive_transaction
def revoke(code: str) -> None:
    """Delete an invite before it expires. Raises NotFound."""
    if not db.session.scalar(delete(Invite).where(Invite.code == code).returning(Invite.id)):
        raise NotFound("There is no such invite.")


@exclusive_transaction
def revoke_of(user_id: int) -> None:
    """Delete the invites that a user created."""
    db.session.execute(delete(Invite).where(Invite.created_by == user_id))


@exclusive_transaction
def revoke_all() -> None:
    """Delete all invites."""
    db.session.execute(delete(Invite))


@exclusive_transaction
def remove_expired() -> int:
    """Remove the invites that are used up or expired, and return how many were removed."""
    expired = or_(Invite.uses_left < 1, Invite.expires_at < clock.now())
    return len(list(db.session.scalars(delete(Invite).where(expired).returning(Invite.id))))
