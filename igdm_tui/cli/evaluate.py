"""`igdm eval`: measure runs that have ended, or any checkpoint file; followed, stopped and gone on with like a run."""

from typing import Annotated

import typer

from igdm_tui.cli.session import Session


def evaluate(
    context: typer.Context,
    *,
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Ids, names or latest.")] = None,
    attacks: Annotated[str, typer.Option(metavar="clean,pgd20", help="What to measure. Default: as the run.")] = "",
    suite: Annotated[str, typer.Option(help="Or by name: quick, paper, sweep, full.")] = "",
    num_examples: Annotated[int | None, typer.Option(metavar="N", help="The first N test images.")] = None,
    epsilon: Annotated[str, typer.Option(metavar="4/255", help="Radius in pixel units.")] = "",
    checkpoint: Annotated[
        str, typer.Option(metavar="last|best|FILE", help="Which weights of the run, or a file.")
    ] = "",
    model: Annotated[str, typer.Option(help="FILE: its architecture.")] = "",
    width: Annotated[int | None, typer.Option(help="FILE: channels of the first stage (resnet).")] = None,
    dataset: Annotated[str, typer.Option(help="FILE: the data set.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="FILE: any other setting; may be repeated.")
    ] = None,
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Images per batch; auto: one that fits.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "",
    seed: Annotated[int | None, typer.Option(help="Of random starts and AutoAttack.")] = None,
    transfer_source: Annotated[str, typer.Option(metavar="FILE", help="Network that vmi makes its images on.")] = "",
    transfer_model: Annotated[str, typer.Option(help="Its architecture. Default: resnet-50.")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Leave it in the background.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON when it has ended.")] = False,
) -> None:
    """Measure runs that have ended, or a checkpoint file.

    Ctrl-C keeps its place; the same command goes on.
    """
    from igdm_tui.cli.evaluation import evaluate_file, evaluate_runs
    from igdm_tui.cli.wanted import Wanted

    wanted = Wanted.of(
        attacks=attacks,
        suite=suite,
        num_examples=num_examples,
        epsilon=epsilon,
        batch_size=batch_size,
        device=device,
        seed=seed,
        transfer_source=transfer_source,
        transfer_model=transfer_model,
    )
    session = Session.of(context)
    if runs:
        unread = {"--model": model, "--width": width, "--dataset": dataset, "--set": overrides}
        code = evaluate_runs(
            session, runs, wanted, checkpoint=checkpoint, unread=unread, detach=detach, as_json=as_json
        )
    else:
        network = {"student.model": model, "student.width": width, "data.name": dataset}
        code = evaluate_file(
            session, checkpoint, wanted, network=network, overrides=overrides or (), detach=detach, as_json=as_json
        )
    if code:
        raise typer.Exit(code)
