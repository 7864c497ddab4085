"""Files, reactions, notify levels, and the index that search reads"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The full-text indexes of both databases contain the same words. Case and accents are ignored, and a
# word ends at every character that is neither a letter nor a digit.
IN_SQLITE = """
CREATE VIRTUAL TABLE messages_fts USING fts5(
    text, content='messages', content_rowid='id', tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO messages_fts(rowid, text) SELECT id, text FROM messages;
CREATE TRIGGER messages_fts_new AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts(rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_fts_gone AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts(messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER messages_fts_changed AFTER UPDATE OF text ON messages BEGIN
    INSERT INTO messages_fts(messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO messages_fts(rowid, text) VALUES (new.id, new.text);
END;
"""

# A word such as "#7" stands for the room 7, so that the index can skip other people's rooms.
IN_POSTGRESQL = """
ALTER TABLE messages ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', regexp_replace(
    regexp_replace(lower(normalize(text, NFD)), '[\\u0300-\\u036f]', '', 'g'), '[^[:alnum:]]+', ' ', 'g'
)) || array_to_tsvector(ARRAY['#' || CAST(room_id AS text)])) STORED;
CREATE INDEX ix_messages_words ON messages USING gin (words);
"""


def upgrade() -> None:
    op.create_table(
        "reactions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("emoji", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id", "user_id", "emoji"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("mime", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"]),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_uploads_message_id", "uploads", ["message_id"])
    op.create_index("ix_uploads_owner_id", "uploads", ["owner_id"])
    op.create_index("ix_messages_reply_to_id", "messages", ["reply_to_id"])
    op.add_column(
        "memberships", sa.Column("notify", sa.String(), nullable=False, server_default="all")
    )
    _run(IN_SQLITE if op.get_bind().dialect.name == "sqlite" else IN_POSTGRESQL)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("new", "gone", "changed"):
            op.execute(f"DROP TRIGGER messages_fts_{trigger}")
        op.execute("DROP TABLE messages_fts")
    else:
        op.drop_column("messages", "words")
    op.drop_column("memberships", "notify")
    op.drop_index("ix_messages_reply_to_id", "messages")
    op.drop_table("uploads")
    op.drop_table("reactions")


def _run(script: str) -> None:
    """Run the statements one by one. A statement ends at an unindented line that ends with ;."""
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if line.endswith(";") and not line.startswith(" "):
            op.execute(statement)
            statement = ""
