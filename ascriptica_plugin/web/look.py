"""How our pages look in a host: the layout, the name and the colours."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flask import Response, abort, current_app
from jinja2 import Environment, TemplateNotFound, nodes

from .base import blueprint
from .guards import for_everybody

OWN_LAYOUT = "ascriptica/base.html"


@dataclass
class Look:
    """`layout` is the template that our pages are shown in, `footer` a line of text below them in our own layout."""

    environment: Environment
    layout: str
    brand: str
    footer: str | None
    colors: dict[str, str]

    @property
    def is_own(self) -> bool:
        """Whether our pages are shown in our own layout, not in a host's."""
        return self.layout == OWN_LAYOUT

    @cached_property
    def places(self) -> dict[str, str]:
        """The layout's blocks that take our `content`, `styles` and `scripts`; also `flashes` if the layout shows none
        itself.

        Raises RuntimeError for a layout that has no place for a page.
        """
        blocks = {node.name for node in self._nodes(self.layout, set()) if isinstance(node, nodes.Block)}
        content = next((name for name in ("content", "main") if name in blocks), None)
        if content is None:
            raise RuntimeError(f"The layout {self.layout} needs a block content or main, for our pages to stand in.")
        # The layout's own content of the block that we fill is not shown.
        around = self._nodes(self.layout, set(), without=content)
        shows_flashes = any(isinstance(node, nodes.Name) and node.name == "get_flashed_messages" for node in around)
        styles = next((name for name in ("styles", "head") if name in blocks), "content")
        scripts = next((name for name in ("scripts", "head") if name in blocks), "content")
        found = {"content": content, "styles": styles, "scripts": scripts}
        return found if shows_flashes else found | {"flashes": "content"}

    def _nodes(self, name: str, seen: set[str], without: str | None = None) -> Iterator[nodes.Node]:
        """Every node of this template and of those that it extends, includes and imports, except the block
        `without`."""
        if name in seen or self.environment.loader is None:
            return
        seen.add(name)
        try:
            source = self.environment.loader.get_source(self.environment, name)[0]
        except TemplateNotFound:
            # An include may be optional; a missing layout raises an error when it is rendered.
            return
        left: list[nodes.Node] = [self.environment.parse(source)]
        while left:
            node = left.pop()
            if isinstance(node, nodes.Block) and node.name == without:
                continue
            yield node
            left += node.iter_child_nodes()
            if isinstance(node, (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)) and isinstance(
                node.template, nodes.Const
            ):
                yield from self._nodes(node.template.value, seen, without)


@blueprint.get("/ascriptica-colors.css")
@for_everybody
def colors_css() -> Response:
    """The host's colours as a stylesheet, because our Content-Security-Policy allows no styles within a page."""
    colors = current_app.extensions["ascriptica"].look.colors
    if not colors:
        abort(404)
    rules = " ".join(f"--{name}: {color};" for name, color in colors.items())
    return Response(f".ascriptica {{ {rules} }}\n", mimetype="text/css", headers={"Cache-Control": "max-age=300"})
