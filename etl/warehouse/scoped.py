"""How a statement names a scope: by parameters, so that it is worded once and not anew for every account."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, and_, bindparam

from etl.model import Scope


def of_scope(table: Table) -> ColumnElement[bool]:
    """The rows of a scope; which one, `told` says when the statement is executed."""
    return and_(
        table.c.account_id == bindparam("of_account"),
        table.c.app_id == bindparam("of_app"),
        table.c.channel == bindparam("of_channel"),
    )


def told(scope: Scope) -> dict[str, str]:
    """The parameters of `of_scope`."""
    return {"of_account": scope.account_id, "of_app": scope.app_id, "of_channel": scope.channel.value}
