"""sailings"""

from alembic import op

revision = "4f1c0d9a2b71"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE sailings (id INT PRIMARY KEY, name TEXT NOT NULL)")
    op.execute("INSERT INTO sailings VALUES (1, 'the early one'), (2, 'the late one')")


def downgrade():
    op.execute("DROP TABLE sailings")
