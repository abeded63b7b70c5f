"""Progress bars by tqdm, if it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def bar() -> Callable[[str, int, int | None], None]:
    """Returns a function of `(task, done, total)` that shows a bar for each task."""
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415 (optional)
    except ImportError:
        return lambda _task, _done, _total: None
    current: Any = None

    def show(task: str, done: int, total: int | None) -> None:
        nonlocal current
        if current is None or current.desc.removesuffix(": ") != task or done < current.n:
            if current is not None:
                current.close()
            # Work that is done within a second shows no bar.
            current = tqdm(desc=task, total=total, delay=1)
        current.update(done - current.n)
        if done == total:
            current.close()

    return show
