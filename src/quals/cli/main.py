"""The ``quals`` command: one line per subcommand, each imported only when it is called."""

from __future__ import annotations

import atexit
import gc
import importlib
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

import quals
from quals.cli.exits import EXIT_ERROR, finish
from quals.errors import QualsError

# name, of the module and of the command in it -> one line for --help
COMMANDS = {
    "score": "Score the summaries in a file against their documents.",
    "report": "Make a page from scores: which words are wrong, and why.",
    "calibrate": "Fit probabilities to labelled scores.",
    "serve": "Serve a page and an API that score summaries.",
    "agree": "Measure how far metrics agree with people.",
    "contrast": "Select good and bad summaries for contrastive training.",
    "compare": "Compare systems by metrics: a table with tests, and a page.",
    "study": "Ask people which summaries are better, and report what they say.",
    "summarize": "Write summaries of the documents in a file.",
    "train": "Train the models the metrics are made of.",
}


class _LazyGroup(click.Group):
    """Lists and finds commands without importing them, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"quals.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise BrokenPipeError from error  # one with a number is for click trouble like any other

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(quals.__version__, prog_name="quals")
def cli() -> None:
    """Does a summary say only what its source says?"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; errors meant for the user become one line and an exit code."""
    atexit.register(gc.freeze)  # or Python looks through all of torch for garbage before it ends, which takes a second
    finish(lambda: _run(arguments), resumable=False)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: int | None = cli.main(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except BrokenPipeError:
        raise
    except (QualsError, OSError) as error:  # such as a full disk, or a folder that may not be written to
        click.echo(f"quals: {error}", err=True)
        return EXIT_ERROR
    except Exception:  # a defect; Python's own exit code would say that a summary fell short of --fail-under
        traceback.print_exc()
        return EXIT_ERROR
    return code or 0


if __name__ == "__main__":
    main()
