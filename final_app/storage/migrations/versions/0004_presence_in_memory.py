"""No table of connections, which are in memory now, and a number for each change of a person"""

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


def downgrade() -> None:
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
