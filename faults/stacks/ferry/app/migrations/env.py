from alembic import context
from sqlalchemy import create_engine

from ferry.settings import Settings

with create_engine(Settings().postgres_dsn).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
