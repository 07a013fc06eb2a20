"""What is kept of alerts: those that stand, what is sent of them, and what operators have muted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
oldest = "0005"


def upgrade() -> None:
    """Make the tables and the indexes."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("rule", "event", "subject", "state", "key", "station")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("backend", "severity")),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("lasting", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Float(53), nullable=False) for name in ("at", "due", "goes")),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("seen", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    current = sa.text("current")
    op.create_index(
        "ix_alerts_current",
        "alerts",
        ["subject", "rule", "event"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )
    op.create_index("ix_alerts_subject_at", "alerts", ["subject", "at"])
    op.create_index("ix_alerts_status_goes", "alerts", ["status", "goes"])
    op.create_index("ix_alerts_at_id", "alerts", ["at", "id"])
    op.create_index("ix_alerts_key_at", "alerts", ["key", "at"])
    op.create_index("ix_alerts_ended_at", "alerts", ["ended_at"])
    op.create_table(
        "alert_deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("channel", "rule", "kind", "event", "severity")),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("text", "html", "items")),
        sa.Column("count", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Float(53), nullable=False) for name in ("at", "created", "due")),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("status", "error", "note")),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
    )
    op.create_index("ix_alert_deliveries_status_due", "alert_deliveries", ["status", "due"])
    op.create_index("ix_alert_deliveries_created_id", "alert_deliveries", ["created", "id"])
    op.create_index("ix_alert_deliveries_channel_created", "alert_deliveries", ["channel", "created"])
    op.create_index("ix_alert_deliveries_ended_at", "alert_deliveries", ["ended_at"])
    op.create_table(
        "alert_mutes",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("events", "stations", "backends")),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("until", sa.Float(53)),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_alert_mutes_until", "alert_mutes", ["until"])
