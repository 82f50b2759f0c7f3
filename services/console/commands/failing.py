"""How commands end when not well: a sentence and an exit code that scripts can use, never a trace."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from console.commands.client import ApiProblem

NO = 1
"""The answer is no: not ready, refused, a proof that does not hold."""
WRONG_INPUT = 2
NO_ACCESS = 3
"""Not reachable, not permitted, or broken on the other side."""
INTERRUPTED = 130

_OF_STATUS = {400: WRONG_INPUT, 404: WRONG_INPUT, 408: WRONG_INPUT, 409: NO, 413: WRONG_INPUT, 422: WRONG_INPUT}


class UsageProblem(Exception):  # noqa: N818 (named by the fact)
    """What was typed or set cannot be used."""


class Failing(TyperGroup):
    """The group that turns whatever ends a command into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; always end by a `typer.Exit`, or well."""
        try:
            return super().invoke(ctx)
        except UsageProblem as problem:
            raise _ended(str(problem), WRONG_INPUT) from None
        except ApiProblem as problem:
            code = NO if problem.code == "not_in_time" else _OF_STATUS.get(problem.status, NO_ACCESS)
            raise _ended(problem.detail, code) from None
        except KeyboardInterrupt:
            raise _ended("interrupted; what was begun on the server goes on", INTERRUPTED) from None
        except BrokenPipeError:
            # `| head` has read enough; the interpreter must not complain about the rest when it ends.
            sys.stdout = None
            raise typer.Exit(0) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise _ended(f"{place}{error.strerror or type(error).__name__}", WRONG_INPUT) from None


def _ended(sentence: str, code: int) -> typer.Exit:
    typer.echo("".join(c if c.isprintable() else " " for c in sentence), err=True)
    return typer.Exit(code)
