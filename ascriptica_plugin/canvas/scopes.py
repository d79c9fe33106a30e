"""What a developer key has to allow: a scope for every call of ours, letter for letter as in Canvas's list.

HEAD and `users/self` have no scopes of their own [authentication_methods.rb, doc/api/file.developer_keys].
"""

import re

SCOPES = (
    "url:GET|/api/v1/accounts/:id",
    "url:GET|/api/v1/accounts/:account_id/permissions",
    "url:GET|/api/v1/accounts/:account_id/authentication_providers",
    "url:GET|/api/v1/accounts/:account_id/courses",
    "url:GET|/api/v1/accounts/:account_id/users",
    "url:POST|/api/v1/accounts/:account_id/users",
    "url:PUT|/api/v1/accounts/:account_id/logins/:id",
    "url:GET|/api/v1/accounts/:account_id/enrollments/:id",
    "url:GET|/api/v1/accounts/:account_id/sis_imports",
    "url:POST|/api/v1/accounts/:account_id/sis_imports",
    "url:GET|/api/v1/accounts/:account_id/sis_imports/:id",
    "url:PUT|/api/v1/accounts/:account_id/sis_imports/:id/abort",
    "url:POST|/api/v1/users/reset_password",
    "url:GET|/api/v1/users/:id",
    "url:PUT|/api/v1/users/:id",
    "url:GET|/api/v1/users/:user_id/logins",
    "url:GET|/api/v1/users/:user_id/enrollments",
    "url:GET|/api/v1/courses/:id",
    "url:GET|/api/v1/courses/:course_id/permissions",
    "url:GET|/api/v1/courses/:course_id/bulk_user_progress",
    "url:GET|/api/v1/courses/:course_id/sections",
    "url:GET|/api/v1/courses/:course_id/sections/:id",
    "url:GET|/api/v1/courses/:course_id/enrollments",
    "url:POST|/api/v1/courses/:course_id/enrollments",
    "url:DELETE|/api/v1/courses/:course_id/enrollments/:id",
)


def scope_for(method: str, path: str) -> str | None:
    """The scope of a call to this path after /api/v1/; None if a developer key never makes it."""
    call = f"{method} {path.partition('?')[0]}"
    return next((scope for scope, pattern in _PATTERNS if pattern.fullmatch(call)), None)


def _pattern(scope: str) -> re.Pattern[str]:
    method, _, path = scope.removeprefix("url:").partition("|/api/v1/")
    return re.compile(f"{method} {re.sub(r':[a-z_]+', '[^/]+', path)}")


_PATTERNS = [(scope, _pattern(scope)) for scope in SCOPES]
