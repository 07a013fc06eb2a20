"""The chain of the audit trail; when tokens of the API end, were used, which they follow, and where they hold."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
oldest = "0005"
"""What programs of 0005 write has no place in the chain."""


def upgrade() -> None:
    """Add the columns, and a chain that begins now: what was written before is in none."""
    op.add_column("audit", sa.Column("identity", sa.Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("address", sa.Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("number", sa.BigInteger))
    op.add_column("audit", sa.Column("before", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_audit_number", "audit", ["number"], unique=True)
    head = op.create_table(
        "audit_head",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("began", sa.Float(53), nullable=False),
    )
    began = time.time()
    older = op.get_bind().execute(sa.text("SELECT count(*) FROM audit")).scalar()
    op.bulk_insert(head, [{"one": 1, "number": 0, "hash": f"began={began!r} older={older}", "began": began}])
    op.create_table(
        "audit_gaps",
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    for name in ("until", "used", "former_until"):
        op.add_column("api_tokens", sa.Column(name, sa.Float(53)))
    for name in ("former", "networks"):
        op.add_column("api_tokens", sa.Column(name, sa.LargeBinary))


def downgrade() -> None:
    """Drop all of it."""
    for name in ("networks", "former", "former_until", "used", "until"):
        op.drop_column("api_tokens", name)
    op.drop_table("audit_gaps")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_number", "audit")
    for name in ("before", "number", "address", "identity"):
        op.drop_column("audit", name)
