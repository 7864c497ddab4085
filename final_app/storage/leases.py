"""Who is online in which process, in PostgreSQL.

A process owns the rows that it wrote, as long as it renews its lease. If it dies, the others remove its
rows, but not at once: its people have some seconds to connect to another process, and nobody sees them
go and come back.
"""

from sqlalchemy import Connection

from final_app.lib import clock

RENEW_EVERY = 5.0  # seconds
LEASE = 15  # seconds without a renewal after which a process counts as dead

RENEW = (
    "INSERT INTO processes (id) VALUES (%s) ON CONFLICT (id) DO UPDATE SET seen_at = now() "
    "RETURNING xmax = 0"  # true for a row that was inserted
)
REMOVE_DEAD = f"DELETE FROM processes WHERE seen_at < now() - interval '{LEASE} seconds'"
ADD = "INSERT INTO online (process_id, user_id) SELECT %s, unnest(%s::integer[]) ON CONFLICT DO NOTHING"
REMOVE = "DELETE FROM online WHERE process_id = %s AND user_id = ANY(%s)"
ELSEWHERE = "SELECT DISTINCT user_id FROM online WHERE process_id <> %s"


class Lease:
    """The rows of this process."""

    def __init__(self) -> None:
        self._process = clock.short_token()
        self._renewed = -RENEW_EVERY
        self._written: set[int] = set()  # user ids

    def share(self, connection: Connection, here: set[int]) -> tuple[set[int], bool]:
        """Write who is online here; return who is online elsewhere, and whether the lease is renewed."""
        renew = clock.seconds() - self._renewed >= RENEW_EVERY
        if renew:
            self._renew(connection)
        if came := here - self._written:
            connection.exec_driver_sql(ADD, (self._process, sorted(came)))
        if went := self._written - here:
            connection.exec_driver_sql(REMOVE, (self._process, sorted(went)))
        self._written = set(here)
        found = connection.exec_driver_sql(ELSEWHERE, (self._process,))
        return {row.user_id for row in found}, renew

    def _renew(self, connection: Connection) -> None:
        if connection.exec_driver_sql(RENEW, (self._process,)).scalar():
            self._written = set()  # the others took this process for dead, or it is new
        connection.exec_driver_sql(REMOVE_DEAD)
        self._renewed = clock.seconds()
