"""What claims of an ID token say of somebody here: the name, the roles, and whether the address is one of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from voltgate.web.access import PersonRole, rank_of
from voltgate.web.single_sign_on.settings import Refusal, Settings
from voltgate.web.user_access import LOGIN

_LOGIN = re.compile(LOGIN)
_EMAIL = "email"


def login_of(claims: Mapping[str, Any], settings: Settings) -> str:
    """Return the name that somebody gets. Raises Refusal."""
    name = claims.get(settings.login_claim)
    if not isinstance(name, str) or not _LOGIN.fullmatch(name):
        reason = f'the claim "{settings.login_claim}" (api.oidc.login_claim) is missing, or is no name of a user'
        raise Refusal("unnamed", reason)
    if settings.login_claim == _EMAIL and claims.get("email_verified", True) not in (True, "true"):
        raise Refusal("unverified", "the address of e-mail that would be the name is not verified")
    return name


def person_of(claims: Mapping[str, Any]) -> str:
    """Return what people call somebody; "" where it is not said."""
    name = claims.get("name")
    return name[:200] if isinstance(name, str) and name.isprintable() else ""


def check_domain(claims: Mapping[str, Any], settings: Settings) -> None:
    """Raise Refusal for somebody without a verified address of the domains that are allowed, if some are."""
    if not settings.domains:
        return
    address = claims.get(_EMAIL)
    if not isinstance(address, str) or not _is_verified(claims):
        raise Refusal("unverified", "there is no verified address of e-mail, as api.oidc.allowed_domains asks for")
    _, at, domain = address.rpartition("@")
    if not at or domain.lower() not in settings.domains:
        raise Refusal("nobody", "the address of e-mail is of no domain of api.oidc.allowed_domains")


def roles_of(claims: Mapping[str, Any], settings: Settings) -> dict[str, PersonRole]:
    """Return the highest role in each network. Raises Refusal for somebody who has none."""
    said = _claim(claims, settings.claim)
    if settings.claim == _EMAIL and not _is_verified(claims):
        raise Refusal("unverified", "the address of e-mail that roles would come from is not verified")
    values = {said} if isinstance(said, str) else {each for each in said if isinstance(each, str)}
    roles: dict[str, PersonRole] = {}
    for grant in settings.grants:
        for network in grant.networks if grant.value in values else ():
            if rank_of(grant.role) > rank_of(roles.get(network, "")):
                roles[network] = grant.role
    if not roles:
        raise Refusal("nobody", f'none of api.oidc.roles is for what the claim "{settings.claim}" says')
    return roles


def _is_verified(claims: Mapping[str, Any]) -> bool:
    said = claims.get("email_verified")
    return said is True or said == "true"  # some write it as a text


def _claim(claims: Mapping[str, Any], name: str) -> str | list[Any]:
    """Return a claim, by its name, or by the names of those that it is in."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str | list) else []
