"""Who holds which station, which gateways there are, what they say to each other, and which versions may be there."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the index."""
    op.create_table(
        "locations",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
    )
    op.create_index("ix_locations_node", "locations", ["node"])
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("began", sa.Float(53), nullable=False),
        sa.Column("seen", sa.Float(53), nullable=False),
        sa.Column("stations", sa.BigInteger, nullable=False),
        sa.Column("load", sa.Float(53), nullable=False),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "notices",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("written_in", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_notices_written_in", "notices", ["written_in"])
    op.create_table(
        "letters",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_letters_node_number", "letters", ["node", "number"])
    op.create_table("compatibility", sa.Column("oldest", sa.Text, primary_key=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_table("compatibility")
    op.drop_table("letters")
    op.drop_table("notices")
    op.drop_table("nodes")
    op.drop_index("ix_locations_node", "locations")
    op.drop_table("locations")
