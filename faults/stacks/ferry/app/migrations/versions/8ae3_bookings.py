"""bookings"""

from alembic import op

revision = "8ae36b5f10c4"
down_revision = "4f1c0d9a2b71"


def upgrade():
    op.execute(
        "CREATE TABLE bookings (id BIGSERIAL PRIMARY KEY, sailing INT NOT NULL REFERENCES sailings (id),"
        " seats INT NOT NULL, confirmed BOOLEAN NOT NULL DEFAULT false)"
    )


def downgrade():
    op.execute("DROP TABLE bookings")
