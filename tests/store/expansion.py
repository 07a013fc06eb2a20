"""The next version of the schema, made for tests: a revision that expands it, and one that contracts it."""

from __future__ import annotations

import shutil
from pathlib import Path

from voltgate.store import schema

KNOWN = schema.wanted()
"""The newest revision of this version."""
EXPANDED, CONTRACTED = f"{int(KNOWN) + 1:04}", f"{int(KNOWN) + 2:04}"

_EXPANDS = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{EXPANDED}", "{KNOWN}", None, None
oldest = "{schema._oldest(KNOWN)}"


def upgrade():
    op.create_table("tariffs", sa.Column("name", sa.Text, primary_key=True))
    op.create_index("ix_tariffs_name", "tariffs", ["name"])
    op.add_column("transactions", sa.Column("tariff", sa.Text))
    op.add_column("owed", sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("facts", sa.Column("source", sa.Text, nullable=False, server_default="station"))
    op.add_column("numbers", sa.Column("used", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("invitations", sa.Column("by", sa.Text))
    op.add_column("audit", sa.Column("origin", sa.Text, nullable=False, server_default=""))
    op.add_column("register", sa.Column("note", sa.Text))
    op.add_column("leases", sa.Column("reason", sa.Text, nullable=False, server_default=""))


def downgrade():
    raise NotImplementedError
"""

_CONTRACTS = f"""
from alembic import op

revision, down_revision, branch_labels, depends_on = "{CONTRACTED}", "{EXPANDED}", None, None
oldest, contracts = "{EXPANDED}", True


def upgrade():
    op.drop_index("ix_tariffs_name", "tariffs")


def downgrade():
    raise NotImplementedError
"""


def next_version(folder: Path) -> Path:
    """Write the scripts of the next version into a folder, beside those that there are; return where."""
    scripts = folder / "migrations"
    shutil.copytree(schema.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"v{EXPANDED}_expands.py").write_text(_EXPANDS)
    (scripts / "versions" / f"v{CONTRACTED}_contracts.py").write_text(_CONTRACTS)
    return scripts
