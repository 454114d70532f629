"""Several models as one, by a name such as ``joint*independent``: what `evaluate` takes where it compares models."""

from dataclasses import dataclass

from stemweave.errors import UsageError
from stemweave.model.blend import Blend
from stemweave.tasks.studio import Studio


@dataclass(frozen=True, eq=False)
class Blended(Studio):
    """A `Blend` with its jobs. It has no folder of its own: `folder` is that of the first of its parts."""

    parts: tuple[Studio, ...] = ()


def part_names(name: str) -> list[str]:
    """The models, each by name, folder or hub id, that ``A*B`` stands for; raises UsageError where one has no name."""
    names = name.split("*")
    if not all(names):
        raise UsageError(f"a model is called {name!r}, expected its name, or several with * between, such as joint*independent")
    return names


def blended(*parts: Studio) -> Studio:
    """The product of several models; one alone is itself. Raises ModelError where they do not go together."""
    if len(parts) == 1:
        return parts[0]
    model = Blend(*(part.model for part in parts)).eval()
    return Blended(model, parts[0].folder, parts[0].precision, parts)
