"""The `samtal` command. Exit codes: 0 done, 1 the thing checked is not right, 2 cannot be done.

Everything heavy is imported by the command that needs it, so that `--help` is quick.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from bot.app.roles import ProcessRole
from bot.errors import ConfigError, SamtalError

P = ParamSpec("P")
R = TypeVar("R")

cli = typer.Typer(
    name="samtal",
    help="Every customer's one conversation, over all channels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
nlu = typer.Typer(help="Train and measure the reading of messages.", no_args_is_help=True)
content = typer.Typer(help="Work with what the bot says.", no_args_is_help=True)
sandbox = typer.Typer(help="Try channels without accounts.", no_args_is_help=True)
user = typer.Typer(help="People who log in.", no_args_is_help=True)
token = typer.Typer(help="Machines that use the API.", no_args_is_help=True)
facts = typer.Typer(help="What other systems know of customers.", no_args_is_help=True)
cli.add_typer(nlu, name="nlu")
cli.add_typer(content, name="content")
cli.add_typer(sandbox, name="sandbox")
cli.add_typer(user, name="user")
cli.add_typer(token, name="token")
cli.add_typer(facts, name="facts")

# Where `serve` looks when no other place is configured.
_MODEL, _MODELS = Path("var/model"), Path("var/models")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; without it defaults and environment."),
]


def one_line(command: Callable[P, R]) -> Callable[P, R]:
    """Show an error that we foresaw as one line, with exit code 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SamtalError as error:
            typer.echo(f"samtal: {error}", err=True)
            raise typer.Exit(2) from None

    return run


@cli.command()
@one_line
def serve(
    config: ConfigFile = None,
    *,
    role: Annotated[
        ProcessRole,
        typer.Option(help="What this process does; parts other than all need MongoDB and NATS."),
    ] = ProcessRole.ALL,
) -> None:
    """Run until SIGTERM or Ctrl-C, which end it in good order; SIGHUP reloads the configuration."""
    # A reload that is asked for before anything is loaded must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from bot.app import serving

    work = serving.serve(config, role=role)
    if find_spec("uvloop"):
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


@cli.command("check-config")
@one_line
def check_config(config: ConfigFile = None) -> None:
    """Say whether settings, channels, content, forms and personas are right; changes nothing."""
    from bot.app import doctor as examination
    from bot.app.configuration import settings_from

    for line in examination.check(settings_from(config)):
        typer.echo(line)


@cli.command("new-channel")
@one_line
def new_channel(
    name: Annotated[str, typer.Argument(help="The folder's name, as acme_chat.")],
) -> None:
    """Begin a channel: writes a folder that works and passes the contract, and nothing else."""
    from bot.app import scaffolding

    for path in scaffolding.new_channel(name):
        typer.echo(path)
    typer.echo(
        f"Now: make it yours, samples first; python -m pytest tests/contract -k {name}; make docs."
    )


@cli.command()
@one_line
def doctor(
    config: ConfigFile = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Check each account, and ask its provider.")
    ] = False,
) -> None:
    """Say which parts are on, off or wanting, how accounts fare, and what each would need."""
    from bot.app import doctor as examination
    from bot.app.configuration import settings_from

    for line in asyncio.run(examination.examine(settings_from(config), check=check)):
        typer.echo(line)


@cli.command()
@one_line
def replay(
    event: Annotated[str | None, typer.Argument(help="Id of one dead letter.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    config: ConfigFile = None,
) -> None:
    """List dead letters, or put one (or all) back on the line; a running server takes them up."""
    from bot.app import commands
    from bot.app.configuration import settings_from

    for line in asyncio.run(
        commands.replay_dead_letters(settings_from(config), event=event, everything=everything)
    ):
        typer.echo(line)


@cli.command()
@one_line
def rebuild(config: ConfigFile = None) -> None:
    """Make every thread's snapshot anew from its entries; names the threads that differed."""
    from bot.app import commands
    from bot.app.configuration import settings_from

    mended = asyncio.run(commands.rebuild(settings_from(config)))
    for thread in mended:
        typer.echo(thread)
    typer.echo(f"{len(mended)} snapshots differed")


@cli.command()
@one_line
def backup(
    to: Annotated[Path, typer.Option(help="New file to copy the store to.")],
    *,
    config: ConfigFile = None,
) -> None:
    """Copy the SQLite store as of this moment, also while a server runs."""
    from bot.app import backups
    from bot.app.configuration import settings_from

    for line in backups.make_backup(settings_from(config), to):
        typer.echo(line)


@cli.command()
@one_line
def restore(
    source: Annotated[Path, typer.Option("--from", help="File that `backup` made.")],
    *,
    config: ConfigFile = None,
) -> None:
    """Put a copy in the SQLite store's place; no server may run. What was there is kept."""
    from bot.app import backups
    from bot.app.configuration import settings_from

    for line in backups.restore_backup(settings_from(config), source):
        typer.echo(line)


@nlu.command("train")
@one_line
def nlu_train(
    data: Annotated[Path, typer.Option(help="A .jsonl file, or a folder of YAML examples.")] = Path(
        "config/nlu"
    ),
    out: Annotated[Path, typer.Option(help="Folder to write the model to.")] = _MODEL,
    encoder: Annotated[
        Path | None, typer.Option(help="Folder of a local BERT-like encoder of sentences.")
    ] = None,
) -> None:
    """Train a model; prints a report as JSON."""
    from nlu.commands import train

    typer.echo(train(data, out, encoder=encoder).model_dump_json(indent=2))


@nlu.command("evaluate")
@one_line
def nlu_evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL rows with text and label.")],
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on labelled rows."""
    from nlu.commands import evaluate

    report = evaluate(model, file)
    typer.echo(report.model_dump_json(indent=2) if as_json else report.text())


@nlu.command("report")
@one_line
def nlu_report(
    file: Annotated[Path, typer.Argument(help="JSONL rows with text and label.")],
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
    *,
    data: Annotated[
        Path | None, typer.Option(help="What it was trained on, to be looked through.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="File to write a page to.")] = None,
) -> None:
    """Say everything of a model: JSON with figures, confusions and curves, and a page of them."""
    from nlu.page import page
    from nlu.report import report

    full = report(model, file, data=data)
    if html is not None:
        html.write_text(page(full), encoding="utf-8")
    typer.echo(full.model_dump_json(indent=2))


@nlu.command("compare")
@one_line
def nlu_compare(
    a: Annotated[Path, typer.Argument(help="Folder of a model.")],
    b: Annotated[Path, typer.Argument(help="Folder of another one.")],
    *,
    data: Annotated[Path, typer.Option(help="JSONL rows with text and label.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which rows model B reads better than A, which worse, and whether it can be chance."""
    from nlu.comparing import compare

    found = compare(a, b, data)
    typer.echo(found.model_dump_json(indent=2) if as_json else found.text())


_Models = Annotated[Path, typer.Option("--models", help="Folder of published models.")]


@nlu.command("publish")
@one_line
def nlu_publish(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model.")] = _MODEL,
    *,
    models: _Models = _MODELS,
    golden: Annotated[Path, typer.Option(help="Rows on which it must not be worse.")] = Path(
        "config/nlu/golden.jsonl"
    ),
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse.")] = False,
) -> None:
    """Put a model in service; running servers take it over. Refuses one that got worse."""
    from nlu.publishing import publish

    typer.echo(publish(model, models, golden=golden, force=force).text())


@nlu.command("rollback")
@one_line
def nlu_rollback(models: _Models = _MODELS) -> None:
    """Put the model before this one in service again."""
    from nlu.shelf import Shelf

    typer.echo(f"in service: {Shelf(models).roll_back()}")


@nlu.command("list")
@one_line
def nlu_list(models: _Models = _MODELS) -> None:
    """List the models that are kept, and which were in service since when."""
    from nlu.shelf import Shelf

    for line in Shelf(models).lines():
        typer.echo(line)


@nlu.command("predict")
@one_line
def nlu_predict(
    file: Annotated[Path, typer.Argument(help="JSONL rows with text.")],
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
) -> None:
    """Read every row; prints one JSON line a row."""
    from nlu.commands import predict

    for line in predict(model, file):
        sys.stdout.write(line + "\n")


@nlu.command("review")
@one_line
def nlu_review(
    export: Annotated[Path, typer.Option(help="New .jsonl file for what people labelled.")],
    *,
    config: ConfigFile = None,
) -> None:
    """Write messages whose meaning people said as rows to learn from."""
    from bot.app.configuration import settings_from
    from bot.app.reviews import labelled, write_rows

    typer.echo(write_rows(asyncio.run(labelled(settings_from(config))), export))


@content.command("check")
@one_line
def content_check(
    folder: Annotated[Path, typer.Argument(help="Folder of content files.")],
) -> None:
    """Lint a folder of content; exit code 1 when something is wrong."""
    from bot.hub.content.lint import Severity, check, format_problems

    problems = check(folder)
    typer.echo(format_problems(problems))
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise typer.Exit(1)


@sandbox.command("send")
@one_line
def sandbox_send(  # noqa: PLR0913 - what there is to say about one message
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    *,
    channel: Annotated[str, typer.Option(help="For instance twilio_sms.")],
    sender: Annotated[str, typer.Option("--from", help="The customer's id or number there.")],
    account: Annotated[str, typer.Option(help="Account in the configuration.")] = "demo",
    url: Annotated[str, typer.Option(help="The running server.")] = "http://127.0.0.1:8080",
    wait: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 5.0,
) -> None:
    """Write as a customer on a played provider; prints what came back on the phone."""
    from bot.app.sandboxing import sandbox_send as send

    lines = asyncio.run(send(url, (channel, account, sender), text=text, wait_s=wait))
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("nothing came back", err=True)
        raise typer.Exit(1)


@user.command("add")
@one_line
def user_add(
    email: Annotated[str, typer.Argument(help="E-mail to log in with.")],
    *,
    name: Annotated[str, typer.Option(help="Name that customers see.")],
    role: Annotated[str, typer.Option(help="agent, author or admin.")] = "agent",
    config: ConfigFile = None,
) -> None:
    """Add a person who logs in; asks for the password, or reads it from standard input."""
    from bot.app import commands
    from bot.app.configuration import settings_from

    password = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\n")
    )
    asyncio.run(
        commands.add_user(
            settings_from(config), email=email, name=name, role=role, password=password
        )
    )
    typer.echo(f"{email} can log in")


@token.command("add")
@one_line
def token_add(
    name: Annotated[str, typer.Argument(help="What the machine is called.")],
    *,
    role: Annotated[str, typer.Option(help="agent, author, admin or integration.")] = "agent",
    config: ConfigFile = None,
) -> None:
    """Make a bearer token for a machine; prints it once, only its hash is kept."""
    from bot.app import commands
    from bot.app.configuration import settings_from

    typer.echo(asyncio.run(commands.add_token(settings_from(config), name=name, role=role)))


@facts.command("import")
@one_line
def facts_import(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8; its first line names the columns.")],
    *,
    source: Annotated[str, typer.Option(help="The system that tells, for instance crm.")],
    kind: Annotated[str, typer.Option(help="Kind of all its facts, for instance purchased.")],
    config: ConfigFile = None,
) -> None:
    """Take facts from a table; again changes nothing. Lines that are wrong are listed (exit 1)."""
    from bot.app.configuration import settings_from
    from bot.app.importing import import_facts
    from bot.hub.facts import FactStatus

    done = asyncio.run(import_facts(settings_from(config), file, source=source, kind=kind))
    for line in done.bad:
        typer.echo(line, err=True)
    typer.echo(", ".join(f"{done.counts[status]} {status}" for status in FactStatus))
    if done.bad:
        raise typer.Exit(1)


_CUSTOMER = "Thread id, identity id, or channel:account:user."


@cli.command()
@one_line
def export(
    customer: Annotated[str, typer.Argument(help=_CUSTOMER)],
    *,
    to: Annotated[Path, typer.Option(help="New folder to write to.")],
    config: ConfigFile = None,
) -> None:
    """Write all that is known of a customer: JSON lines, and the files that were sent."""
    from bot.app.configuration import settings_from
    from bot.app.subjects import export_customer

    for line in asyncio.run(export_customer(settings_from(config), customer, to)):
        typer.echo(line)


@cli.command()
@one_line
def erase(
    customer: Annotated[str, typer.Argument(help=_CUSTOMER)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="There is no way back.")] = False,
    config: ConfigFile = None,
) -> None:
    """Forget a customer, over all identities that are linked now."""
    from bot.app.configuration import settings_from
    from bot.app.subjects import erase_customer

    typer.echo(asyncio.run(erase_customer(settings_from(config), customer, sure=yes)))


@cli.command()
@one_line
def hold(
    customer: Annotated[str, typer.Argument(help=_CUSTOMER)],
    *,
    reason: Annotated[str | None, typer.Option(help="Why the data must be kept.")] = None,
    end: Annotated[bool, typer.Option("--end", help="It need not be kept any more.")] = False,
    config: ConfigFile = None,
) -> None:
    """Keep a customer from being erased, for a reason; or let it be again."""
    from bot.app.configuration import settings_from
    from bot.app.subjects import hold_customer

    if end is (reason is not None):
        raise ConfigError("which of the two", where="hold", mend="Give --reason, or --end.")
    typer.echo(asyncio.run(hold_customer(settings_from(config), customer, reason=reason)))


@cli.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(json.dumps({"samtal": installed("samtal")}))


def main() -> None:
    """Entry point of the `samtal` command."""
    cli()


if __name__ == "__main__":
    main()
