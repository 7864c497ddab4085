"""Store in PostgreSQL who is online in which process.

A process owns the rows that it has written as long as it renews its lease. If a process dies, the other
processes remove its rows, but not at once. Its users have some seconds to connect to another process. If
they do, nobody sees them go offline and come back.
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
    """The lease of this process, and the rows that the process has written."""

    def __init__(self) -> None:
        self._process = clock.short_token()
        self._renewed = -RENEW_EVERY
        self._written: set[int] = set()  # user ids

    def share(self, connection: Connection, here: set[int]) -> tuple[set[int], bool]:
        """Store who is online in this process. Renew the lease if this is due.

        Returns who is online in other processes, and whether the lease was renewed.
        """
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
            self._written = set()  # this process is new, or others thought that it was dead
        connection.exec_driver_sql(REMOVE_DEAD)
        self._renewed = clock.seconds()
