"""Alembic runs this file to migrate the application's database in one transaction."""

from alembic import context
from flask import current_app

from final_app.storage import database as chat_database

database = current_app.extensions["migrate"].db

with chat_database.explained(), database.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,  # by default, Alembic commits each statement with SQLite
    )
    with context.begin_transaction():
        chat_database.current().lock_migrations(connection)
        context.run_migrations()
