"""Remove the table of connections, which are in memory now, and number the changes to people

PostgreSQL also gets two tables in which several processes share who is online. These tables are
unlogged, because their content is worthless after a crash of the database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("connections")
    op.add_column("users", sa.Column("rev", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_users_rev", "users", ["rev"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE UNLOGGED TABLE processes "
            "(id text PRIMARY KEY, seen_at timestamptz NOT NULL DEFAULT now())"
        )
        op.execute(
            "CREATE UNLOGGED TABLE online (user_id integer NOT NULL, "
            "process_id text NOT NULL REFERENCES processes ON DELETE CASCADE, "
            "PRIMARY KEY (process_id, user_id))"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TABLE online, processes")
    op.drop_index("ix_users_rev", "users")
    op.drop_column("users", "rev")
    op.create_table(
        "connections",
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=True),
        sa.Column("visible", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sid"),
    )
    op.create_index("ix_connections_session_id", "connections", ["session_id"])
    op.create_index("ix_connections_user_id", "connections", ["user_id"])
