"""Transactions whose station has used their id before, and charging profiles that operators have set."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
oldest = "0005"
"""What programs of 0005 write is as the defaults say: they know a transaction by its `ref`."""


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("csms_transactions", sa.Column("called", sa.Text, nullable=False, server_default=""))
    op.add_column("csms_transactions", sa.Column("nth", sa.BigInteger, nullable=False, server_default="1"))
    condition = sa.text("called != ''")
    op.create_index(
        "ix_csms_transactions_called",
        "csms_transactions",
        ["called", "station", "nth"],
        postgresql_where=condition,
        sqlite_where=condition,
    )
    op.add_column("csms_profiles", sa.Column("origin", sa.Text, nullable=False, server_default="station"))
    op.add_column("csms_profiles", sa.Column("cleared", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop them: transactions of the same id have names of their own all the same."""
    op.drop_column("csms_profiles", "cleared")
    op.drop_column("csms_profiles", "origin")
    op.drop_index("ix_csms_transactions_called", "csms_transactions")
    op.drop_column("csms_transactions", "nth")
    op.drop_column("csms_transactions", "called")
