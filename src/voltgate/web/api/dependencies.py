"""Dependencies of the resources: the queries, and path parameters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from voltgate.web.queries import Queries

Identity = Annotated[str, Path(min_length=1, max_length=255, description="The station's identity.")]


async def _queries(request: Request) -> Queries:
    queries: Queries = request.app.state.queries
    if queries.others is not None:
        await queries.others.introduce()
    return queries


QueriesDependency = Annotated[Queries, Depends(_queries)]
