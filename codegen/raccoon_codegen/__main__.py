"""The entry of the `raccoon-codegen` command, and of `python -m raccoon_codegen`."""

from __future__ import annotations

import sys
import traceback
from importlib.util import find_spec

_NEEDED = ["black", "click", "grpc_tools", "jinja2"]
if sys.version_info < (3, 11):
    _NEEDED.append("tomli")


def main() -> None:
    """Run the command. Production installs have no generator, and are told what is missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            "raccoon-codegen: only the runtime is installed, and generating needs more "
            f"({', '.join(missing)}):\n  pip install 'raccoon-codegen[codegen]'",
            file=sys.stderr,
        )
        sys.exit(2)

    from . import cli

    try:
        cli.main()
    except Exception:
        # Not 1, which says that --check found a difference.
        traceback.print_exc()
        sys.exit(2)


if __name__ == "__main__":
    main()
