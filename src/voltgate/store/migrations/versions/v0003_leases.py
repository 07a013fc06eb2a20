"""Who may deliver what is owed of a station, and the messages of one backend in order."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "leases",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
    )
    op.create_index("ix_owed_station_backend_seq", "owed", ["station", "backend", "seq"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_owed_station_backend_seq", "owed")
    op.drop_table("leases")
