"""Each record as Canvas's JSON, with only what the caller may see (lib/api/v1/*.rb)."""

from typing import Any

from .records import Account, Course, Enrollment, Login, Section, Token, User
from .rules import may
from .rules_enrollments import is_concluded
from .world import ROLE_IDS, World

Json = dict[str, Any]


def sees_sis(caller: Token) -> bool:
    """Whether the caller may see SIS IDs."""
    return may(caller, "read_sis", "manage_sis")


def user_json(world: World, caller: Token, user: User, site: str = "", in_list: bool = False) -> Json:
    """A user (lib/api/v1/user.rb). `in_list`: the short form in lists and enrollments."""
    login = world.login_of(user)
    shape: Json = {
        "id": user.id,
        "name": user.name,
        "created_at": user.created_at,
        "sortable_name": user.sortable_name,
        "short_name": user.short_name,
    }
    if sees_sis(caller):
        shape["sis_user_id"] = login.sis_user_id if login else None
        shape["integration_id"] = login.integration_id if login else None
    if may(caller, "manage_sis"):
        shape["sis_import_id"] = None
    if may(caller, "view_user_logins"):
        shape["login_id"] = login.unique_id if login else None
    if in_list:
        return shape
    first, _, last = user.name.strip().rpartition(" ")
    shape |= {"first_name": first or last, "last_name": last if first else ""}
    shape |= {"avatar_url": f"{site}/images/messages/avatar-50.png", "locale": user.locale}
    if user.id == caller.user_id:
        shape["effective_locale"] = user.locale or "en"
    if may(caller, "read_email_addresses"):
        shape["email"] = user.email
    shape["permissions"] = {
        "can_update_name": True,
        "can_update_avatar": False,
        "limit_parent_app_web_access": False,
    }
    return shape


def login_json(world: World, login: Login) -> Json:
    """A login (lib/api/v1/pseudonym.rb)."""
    return {
        "id": login.id,
        "user_id": login.user_id,
        "account_id": world.root_account_id,
        "workflow_state": login.workflow_state,
        "unique_id": login.unique_id,
        "created_at": login.created_at,
        "sis_user_id": login.sis_user_id,
        "integration_id": login.integration_id,
        "authentication_provider_id": login.authentication_provider_id,
    }


def account_json(world: World, caller: Token, account: Account) -> Json:
    """An account; a root account has neither parent nor root (lib/api/v1/account.rb)."""
    is_root = account.id == world.root_account_id
    shape: Json = {
        "id": account.id,
        "name": account.name,
        "workflow_state": "active",
        "parent_account_id": account.parent_account_id,
        "root_account_id": None if is_root else world.root_account_id,
        "uuid": f"practice-{account.id}",
        "default_time_zone": "America/Denver",
    }
    if sees_sis(caller):
        shape["sis_account_id"] = account.sis_account_id
    if may(caller, "manage_account_settings"):
        shape |= {
            "default_storage_quota_mb": 500,
            "default_user_storage_quota_mb": 50,
            "default_group_storage_quota_mb": 50,
        }
    return shape


def course_json(world: World, caller: Token, course: Course, include: list[str]) -> Json:
    """A course (lib/api/v1/course.rb). `include`: the further parts that were asked for."""
    shape: Json = {
        "id": course.id,
        "name": course.name,
        "course_code": course.course_code,
        "account_id": course.account_id,
        "root_account_id": world.root_account_id,
        "created_at": course.created_at,
        "workflow_state": course.workflow_state,
        "start_at": course.start_at,
        "end_at": course.end_at,
        "enrollment_term_id": course.enrollment_term_id,
        "restrict_enrollments_to_course_dates": course.restrict_enrollments_to_course_dates,
        "blueprint": course.blueprint,
        "template": course.template,
        "default_view": "modules",
        "time_zone": "America/Denver",
    }
    if sees_sis(caller):
        shape |= {"sis_course_id": course.sis_course_id, "integration_id": course.integration_id}
    if may(caller, "manage_sis"):
        shape["sis_import_id"] = None
    if "concluded" in include:
        shape["concluded"] = is_concluded(world, course)
    if "term" in include:
        shape["term"] = {"id": course.enrollment_term_id, "name": "Default Term", "end_at": course.term_end_at}
    if "teachers" in include:
        shape["teachers"] = [
            {"id": user.id, "display_name": user.short_name or user.name, "html_url": "", "avatar_image_url": ""}
            for user in world.teachers_of(course)
        ]
    if "account_name" in include:
        shape["account_name"] = world.accounts[course.account_id].name
    if "total_students" in include:
        rows = world.rows_of(course_id=course.id)
        shape["total_students"] = len(
            {
                row.user_id
                for row in rows
                if row.type == "StudentEnrollment" and row.workflow_state in ("active", "invited")
            }
        )
    return shape


def section_json(world: World, caller: Token, section: Section) -> Json:
    """A section (lib/api/v1/section.rb)."""
    shape: Json = {
        "id": section.id,
        "course_id": section.course_id,
        "name": section.name,
        "start_at": section.start_at,
        "end_at": section.end_at,
        "created_at": section.created_at,
        "restrict_enrollments_to_section_dates": section.restrict_enrollments_to_section_dates,
        "nonxlist_course_id": section.nonxlist_course_id,
    }
    if sees_sis(caller):
        shape["sis_section_id"] = section.sis_section_id
        shape["sis_course_id"] = world.courses[section.course_id].sis_course_id
        shape["integration_id"] = section.integration_id
    if may(caller, "manage_sis"):
        shape["sis_import_id"] = None
    return shape


def _scores(caller: Token, course: Course, row: Enrollment) -> Json:
    """An enrollment's scores. An override stands beside the computed ones, if one was set (lib/api/v1/user.rb)."""
    if not may(caller, "manage_grades", "view_all_grades", course=course):
        return {}
    kinds = ("current", "final", "unposted_current", "unposted_final")
    scores: Json = {f"{kind}_grade": None for kind in kinds}
    scores |= {f"{kind}_score": row.scores.get(kind.removeprefix("unposted_")) for kind in kinds}
    if "override" in row.scores:
        scores |= {"override_score": row.scores["override"], "override_grade": None}
    return scores


def enrollment_json(world: World, caller: Token, row: Enrollment, site: str, with_user: bool = False) -> Json:
    """An enrollment; in a deleted section its state is shown as deleted (enrollments_api_spec.rb)."""
    course, section = world.courses[row.course_id], world.sections[row.course_section_id]
    page = f"{site}/courses/{course.id}"
    shape: Json = {
        "id": row.id,
        "user_id": row.user_id,
        "course_id": row.course_id,
        "type": row.type,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "associated_user_id": row.associated_user_id,
        "start_at": row.start_at,
        "end_at": row.end_at,
        "course_section_id": row.course_section_id,
        "root_account_id": world.root_account_id,
        "limit_privileges_to_course_section": row.limit_privileges_to_course_section,
        "enrollment_state": "deleted" if section.workflow_state == "deleted" else row.workflow_state,
        "role": row.type,
        "role_id": ROLE_IDS[row.type],
        "last_activity_at": row.last_activity_at,
        "last_attended_at": None,
        "total_activity_time": 0,
        "html_url": f"{page}/users/{row.user_id}",
    }
    if row.type == "StudentEnrollment":
        shape["grades"] = {"html_url": f"{page}/grades/{row.user_id}", **_scores(caller, course, row)}
    if sees_sis(caller):
        login = world.login_of(world.users[row.user_id])
        shape |= {
            "sis_account_id": world.accounts[course.account_id].sis_account_id,
            "sis_course_id": course.sis_course_id,
            "course_integration_id": course.integration_id,
            "sis_section_id": section.sis_section_id,
            "section_integration_id": section.integration_id,
            "sis_user_id": login.sis_user_id if login else None,
        }
    if may(caller, "manage_sis"):
        shape["sis_import_id"] = row.sis_import_id
    if with_user:
        shape["user"] = user_json(world, caller, world.users[row.user_id], site, in_list=True)
    return shape
