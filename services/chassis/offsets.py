"""Consumer offsets and the schema's version, as rows beside the effects that they belong to.

They stand apart because the notifier and the console both store what a record did and how far they have read in one SQL
transaction.  Hazard: an offset that is stored in another transaction than its effects loses or repeats records.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
)

from services.chassis.database import ForEach
from services.chassis.errors import ConfigurationError
from services.chassis.records import Place


class Offsets:
    """Two tables of a service's own database: `offsets` and `schema_version`.

    Args:
        metadata: Where the service declares its tables.
    """

    def __init__(self, metadata: MetaData) -> None:
        self._metadata = metadata
        self._offsets = Table(
            "offsets",
            metadata,
            Column("topic", String(255), primary_key=True),
            Column("partition", Integer, primary_key=True, autoincrement=False),
            Column("next_offset", BigInteger, nullable=False),
        )
        # Built once, and run for all partitions together: every batch of records ends with them.
        self._forget = ForEach(
            delete(self._offsets).where(
                self._offsets.c.topic == bindparam("of"),
                self._offsets.c.partition == bindparam("part"),
            )
        )
        self._put = ForEach(insert(self._offsets))
        self._version = Table(
            "schema_version", metadata, Column("version", Integer, nullable=False)
        )

    def prepare(self, connection: Connection, *, version: int) -> None:
        """Create what is missing and note the version.

        Raises:
            ConfigurationError: The tables were made by another version.
        """
        self._metadata.create_all(connection)
        found = connection.scalar(select(self._version.c.version))
        if found is None:
            connection.execute(insert(self._version).values(version=version))
        elif found != version:
            raise ConfigurationError(
                f"the database has schema version {found}, this program needs {version}: "
                "move it away, what is in it is built again from the topics"
            )

    def load(self, connection: Connection) -> dict[Place, int]:
        """Offset of the next record by topic and partition."""
        rows = connection.execute(select(self._offsets))
        return {(row.topic, row.partition): row.next_offset for row in rows}

    def store(self, connection: Connection, positions: Mapping[Place, int]) -> None:
        """Note how far has been read, within the caller's transaction."""
        self._forget.run(
            connection, [{"of": topic, "part": partition} for topic, partition in positions]
        )
        self._put.run(
            connection,
            [
                {"topic": topic, "partition": partition, "next_offset": offset}
                for (topic, partition), offset in positions.items()
            ],
        )
