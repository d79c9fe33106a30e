"""The blueprint of all pages, without those that a host has itself: its setting `pages` names those that it wants."""

from typing import Any

from flask import Blueprint
from flask.blueprints import BlueprintSetupState


def group_of(rule: str) -> str | None:
    """Which of the groups in `pages` an address belongs to; None for one that every host gets."""
    if rule.startswith("/tools"):
        return "tools"
    if rule.startswith("/my/courses"):
        return "my-courses"
    return "courses" if rule == "/" or rule.startswith("/courses") else None


class _SetupState(BlueprintSetupState):
    def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        if group_of(rule) in (None, *self.app.extensions["ascriptica"].pages):
            super().add_url_rule(rule, *args, **options)


class Pages(Blueprint):
    """A blueprint that leaves out the pages that an application doesn't want. All applications of a process share
    it."""

    def make_setup_state(self, app: Any, options: dict[str, Any], first_registration: bool = False) -> _SetupState:
        return _SetupState(self, app, options, first_registration)
