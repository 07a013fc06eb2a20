"""What the management system keeps: networks, stations, tokens, transactions, meter values, and what goes with them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest = "0004"


def upgrade() -> None:
    """Make the tables and the indexes."""
    op.create_table(
        "csms_networks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("interval", sa.BigInteger),
        sa.Column("currency", sa.Text),
    )
    op.create_table(
        "csms_stations",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("registration", sa.Text, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("validation", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("box_serial", sa.Text, nullable=False),
        sa.Column("firmware", sa.Text, nullable=False),
        sa.Column("iccid", sa.Text, nullable=False),
        sa.Column("imsi", sa.Text, nullable=False),
        sa.Column("meter_type", sa.Text, nullable=False),
        sa.Column("meter_serial", sa.Text, nullable=False),
        sa.Column("boot_reason", sa.Text, nullable=False),
        sa.Column("booted", sa.Float(53)),
        sa.Column("connected", sa.Boolean, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("since", sa.Float(53)),
        sa.Column("seen", sa.Float(53)),
        sa.Column("firmware_status", sa.Text, nullable=False),
        sa.Column("log_status", sa.Text, nullable=False),
        sa.Column("list_version", sa.BigInteger),
    )
    op.create_index("ix_csms_stations_network_key", "csms_stations", ["network", "key"])
    op.create_table(
        "csms_connectors",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("evse", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("connector", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text, nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("vendor_error", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53)),
        sa.Column("reported", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_csms_connectors_status_station_evse_connector",
        "csms_connectors",
        ["status", "station", "evse", "connector"],
    )
    op.create_table(
        "csms_status_changes",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("evse", sa.BigInteger, nullable=False),
        sa.Column("connector", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), primary_key=True),
        sa.Column("received", sa.Float(53), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text, nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("vendor_error", sa.Text, nullable=False),
        sa.Column("digest", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("ix_csms_status_changes_received", "csms_status_changes", ["received"])
    op.create_table(
        "csms_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("expires", sa.Float(53)),
        sa.Column("concurrent", sa.BigInteger, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("ix_csms_tokens_group_id", "csms_tokens", ["group", "id"])
    op.create_index("ix_csms_tokens_network_id", "csms_tokens", ["network", "id"])
    op.create_table(
        "csms_transactions",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("evse", sa.BigInteger),
        sa.Column("connector", sa.BigInteger),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("stop_token", sa.Text, nullable=False),
        sa.Column("began", sa.Float(53)),
        sa.Column("began_received", sa.Float(53)),
        sa.Column("ended", sa.Float(53)),
        sa.Column("ended_received", sa.Float(53)),
        sa.Column("meter_start", sa.Float(53)),
        sa.Column("meter_stop", sa.Float(53)),
        sa.Column("meter_last", sa.Float(53)),
        sa.Column("meter_at", sa.Float(53)),
        sa.Column("power", sa.Float(53)),
        sa.Column("soc", sa.Float(53)),
        sa.Column("energy", sa.Float(53)),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("charging_state", sa.Text, nullable=False),
        sa.Column("charged_until", sa.Float(53)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("estimated", sa.Text, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("remote_start", sa.BigInteger),
        sa.Column("reservation", sa.BigInteger),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("heard", sa.Float(53)),
        sa.Column("begun_by", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("cost", sa.BigInteger),
        sa.Column("cost_data", sa.LargeBinary, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_csms_transactions_began_station_ref", "csms_transactions", ["began", "station", "ref"])
    op.create_index("ix_csms_transactions_ended_station_ref", "csms_transactions", ["ended", "station", "ref"])
    _few("estimated", "estimated != ''", ["began", "station", "ref"])
    op.create_index(
        "ix_csms_transactions_network_began_station_ref", "csms_transactions", ["network", "began", "station", "ref"]
    )
    op.create_index(
        "ix_csms_transactions_network_ended_station_ref", "csms_transactions", ["network", "ended", "station", "ref"]
    )
    op.create_index("ix_csms_transactions_ref", "csms_transactions", ["ref"])
    _few("running", "state = 'running'", ["began", "station", "ref"])
    _few("running_ended", "state = 'running'", ["ended", "station", "ref"])
    _few("running_station", "state = 'running'", ["station"])
    _few("running_token_id", "state = 'running'", ["token_id"])
    op.create_index("ix_csms_transactions_station_began_ref", "csms_transactions", ["station", "began", "ref"])
    op.create_index("ix_csms_transactions_station_ended_ref", "csms_transactions", ["station", "ended", "ref"])
    op.create_index("ix_csms_transactions_station_evse_ended", "csms_transactions", ["station", "evse", "ended"])
    op.create_index(
        "ix_csms_transactions_token_id_began_station_ref", "csms_transactions", ["token_id", "began", "station", "ref"]
    )
    op.create_table(
        "csms_meter_values",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("evse", sa.BigInteger, nullable=False),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("at", sa.Float(53), primary_key=True),
        sa.Column("received", sa.Float(53), nullable=False),
        sa.Column("energy", sa.Float(53)),
        sa.Column("power", sa.Float(53)),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.BigInteger, primary_key=True, autoincrement=False),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_csms_meter_values_received", "csms_meter_values", ["received"])
    op.create_table(
        "csms_notes",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", sa.Float(53), primary_key=True),
        sa.Column("received", sa.Float(53), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("ix_csms_notes_kind_received", "csms_notes", ["kind", "received"])
    op.create_index("ix_csms_notes_received", "csms_notes", ["received"])
    op.create_index("ix_csms_notes_station_received", "csms_notes", ["station", "received"])
    op.create_table(
        "csms_variables",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("component", sa.Text, primary_key=True),
        sa.Column("variable", sa.Text, primary_key=True),
        sa.Column("attribute", sa.Text, primary_key=True),
        sa.Column("value", sa.Text),
        sa.Column("mutability", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "csms_reports",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("request", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received", sa.Float(53), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("last", sa.BigInteger),
        sa.Column("complete", sa.Boolean, nullable=False),
    )
    op.create_table(
        "csms_reservations",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("evse", sa.BigInteger),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("expires", sa.Float(53), nullable=False),
        sa.Column("made", sa.Float(53), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
    )
    op.create_index("ix_csms_reservations_made_station_number", "csms_reservations", ["made", "station", "number"])
    op.create_index("ix_csms_reservations_station_made_number", "csms_reservations", ["station", "made", "number"])
    op.create_table(
        "csms_profiles",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("evse", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("profile", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("stack_level", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "csms_signing_requests",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("csr", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("request", sa.BigInteger),
        sa.Column("root", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "csms_tariffs",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "csms_numbers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next", sa.BigInteger, nullable=False),
    )
    _users()
    _jobs()
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE csms_meter_values_rest PARTITION OF csms_meter_values DEFAULT")


def _users() -> None:
    """Make the tables of those who use the API by a name and a password, and of their logins."""
    op.create_table(
        "csms_users",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("roles", sa.LargeBinary, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("invitation", sa.Text, nullable=False),
        sa.Column("invited_until", sa.Float(53)),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ix_csms_users_invitation", "csms_users", ["invitation"])
    op.create_table(
        "csms_logins",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
    )
    op.create_index("ix_csms_logins_name", "csms_logins", ["name"])
    op.create_index("ix_csms_logins_until", "csms_logins", ["until"])


def _jobs() -> None:
    """Make what is kept of jobs: one command for many stations."""
    op.create_table(
        "csms_jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("fields", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.Column("deadline", sa.Float(53), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("rate", sa.Float(53)),
        sa.Column("at_once", sa.BigInteger, nullable=False),
        sa.Column("away", sa.Text, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("ended", sa.Float(53)),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
    )
    op.create_index("ix_csms_jobs_created_id", "csms_jobs", ["created", "id"])
    op.create_index("ix_csms_jobs_ended_created_id", "csms_jobs", ["ended", "created", "id"])
    op.create_table(
        "csms_job_items",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("again", sa.Float(53), nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_csms_job_items_job_state_again", "csms_job_items", ["job", "state", "again"])
    op.create_index("ix_csms_job_items_job_state_at_station", "csms_job_items", ["job", "state", "at", "station"])


def _few(name: str, condition: str, columns: list[str]) -> None:
    """Make an index of those transactions for which a condition holds."""
    where = sa.text(condition)
    name = f"ix_csms_transactions_{name}"
    op.create_index(name, "csms_transactions", columns, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Drop them."""
    for name in (
        "csms_logins",
        "csms_users",
        "csms_job_items",
        "csms_jobs",
        "csms_numbers",
        "csms_tariffs",
        "csms_signing_requests",
        "csms_profiles",
        "csms_reservations",
        "csms_variables",
        "csms_notes",
        "csms_meter_values",
        "csms_transactions",
        "csms_tokens",
        "csms_status_changes",
        "csms_connectors",
        "csms_stations",
        "csms_networks",
    ):
        op.drop_table(name)
