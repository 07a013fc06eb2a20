"""What is known of stations' security: the profile they came with, and passwords that they were given."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
oldest = "0005"
"""Programs of 0005 let in whom they let in before: a station may come to them with a lower profile."""


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "station_security",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("profile", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("until", sa.Float(53)),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("offered", sa.Text, nullable=False),
        sa.Column("password_at", sa.Float(53)),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("station_security")
