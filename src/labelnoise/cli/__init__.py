"""The command line: ``labelnoise perturb``, ``calibrate``, ``compare``, ``report``, ``fit``."""

import sys
from collections.abc import Sequence
from io import StringIO, TextIOWrapper


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0 when all is done, 1 when some cases failed, 2 when the arguments cannot be used, 130 when
        interrupted.
    """
    from . import _commands
    from ._arguments import parser
    from ._sources import UsageError

    sys.stdout, sys.stderr = (stream or StringIO() for stream in (sys.stdout, sys.stderr))
    for stream in sys.stdout, sys.stderr:
        if isinstance(stream, TextIOWrapper):  # names may have what a terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    try:
        return int(getattr(_commands, options.command)(options, arguments))
    except UsageError as error:
        print(f"labelnoise: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"labelnoise: {error}; mend that and run it again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        more = (
            "; go on with --resume, or begin anew with --overwrite"
            if options.command == "perturb"
            else ""
        )
        print(f"labelnoise: interrupted{more}", file=sys.stderr)
        return 130
