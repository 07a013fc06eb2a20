"""The time zone of a network."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
oldest = "0005"
"""What programs of 0005 make has no zone that is known."""


def upgrade() -> None:
    """Add the column."""
    op.add_column("csms_networks", sa.Column("timezone", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("csms_networks", "timezone")
