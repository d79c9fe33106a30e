"""What all tables use: their base, the types of columns, and how to begin a writing transaction."""

from datetime import UTC, datetime
from typing import Any, cast

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    CursorResult,
    DateTime,
    Delete,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Text,
    Update,
    any_,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from ..shared.said import Said


class UTCDateTime(TypeDecorator):
    """An aware UTC datetime in Python. SQLite has no time zones and stores the same instant without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed:
    """A secret as the database stores it: ciphertext, which `open` decrypts with the installation's keys."""

    def __init__(self, ciphertext: bytes):
        self.ciphertext = ciphertext

    @classmethod
    def seal(cls, secret: str, keys: MultiFernet) -> "Sealed":
        """The secret, encrypted with the first of the keys."""
        return cls(keys.encrypt(secret.encode()))

    def open(self, keys: MultiFernet) -> str | None:
        """The secret, or None if the key that sealed it is gone."""
        try:
            return keys.decrypt(self.ciphertext).decode()
        except InvalidToken:
            return None

    def with_newest_key(self, keys: MultiFernet) -> "Sealed | None":
        """The same secret sealed with the first of the keys, or None if the key that sealed it is gone."""
        try:
            return Sealed(keys.rotate(self.ciphertext))
        except InvalidToken:
            return None

    def __repr__(self) -> str:
        return "Sealed(...)"


class SealedColumn(TypeDecorator):
    """Keeps a `Sealed` value; plain text can't be stored by mistake."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.ciphertext

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))


class SaidColumn(TypeDecorator):
    """Keeps a `Said` as its code and parameters. Any other text is kept as somebody else's words."""

    impl = Text
    cache_ok = True

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine:
        return String()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return Said.of(value).to_json() if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Said | None:
        return Said.from_json(value) if value else None


class NotedColumn(SaidColumn):
    """The same for a column that is never NULL: no words are stored as an empty text."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return super().process_bind_param(value, dialect) or ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> Said | None:
        return super().process_result_value(value, dialect) or Said("words", words="")


class Base(DeclarativeBase):
    """The base of our models; all constraints have names, by which migrations find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime, str: String(255), int: Integer, bool: Boolean}


def begin_writing(session: Session) -> None:
    """Begin this session's transaction as a writing one, before it reads anything.

    On SQLite a transaction that reads and then writes fails at once if another one is writing, whatever its busy
    timeout; BEGIN IMMEDIATE waits its turn instead. PostgreSQL needs nothing.
    """
    connection = session.connection()
    # Ask the driver's own connection, because SQLAlchemy does not know of a transaction that only the driver began.
    if connection.dialect.name == "sqlite" and not cast(Any, connection.connection.dbapi_connection).in_transaction:
        # Not through the session: it would first flush, and so begin an ordinary transaction.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def upsert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with support for ON CONFLICT, in this session's dialect."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table.__table__)


def one_of_few(session: Session, column: ColumnElement[int], ids: Select | CompoundSelect) -> ColumnElement[bool]:
    """Condition that the column is one of these ids, which are few, although PostgreSQL expects many.

    PostgreSQL keeps no statistics on how two columns compare, so it assumes that a third of all seats are unsettled,
    and reads whole tables instead of looking up that many in an index. It assumes that an array is short.
    """
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(func.array(ids.scalar_subquery()))
    return column.in_(ids)


def change(session: Session, statement: Update | Delete) -> int:
    """Run an UPDATE or DELETE without updating the session's objects. Returns how many rows it changed."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount
