"""The ledger, the journal and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "transactions",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("connector", sa.Integer),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("began", sa.Float(53), nullable=False),
        sa.Column("ended", sa.Float(53)),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_transactions_station_ended", "transactions", ["station", "ended"])
    op.create_index("ix_transactions_ended", "transactions", ["ended"])
    op.create_table(
        "invitations",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("expires", sa.Float(53), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_invitations_expires", "invitations", ["expires"])
    op.create_table(
        "numbers",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("theirs", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_numbers_at", "numbers", ["at"])
    op.create_table(
        "facts",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "owed",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("transaction", sa.Text, nullable=False),
    )
    op.create_index("ix_owed_at", "owed", ["at"])
    op.create_table(
        "audit",
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_station_at", "audit", ["station", "at"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("audit", "owed", "facts", "numbers", "invitations", "transactions"):
        op.drop_table(name)
