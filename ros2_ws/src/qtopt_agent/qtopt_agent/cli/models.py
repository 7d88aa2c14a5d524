"""qtopt models: what there is, whether it is whole, and who has signed it."""

from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.core.printable import printable

Model = Annotated[Path, typer.Argument(help="A model: its folder, or a released one's name.")]


def list_models(
    store: Annotated[Path | None, typer.Argument(help="Folder of models; by default the released ones.")] = None,
    json_file: JsonFile = None,
) -> None:
    """List models, oldest first, with their evaluations.

    The exit code is 1 where a model is broken.
    """
    from qtopt_agent.models.released import released_models
    from qtopt_agent.models.store import list_models as listed_in

    store = store or released_models()
    listed = listed_in(store)
    manifests = [each.manifest for each in listed if each.manifest is not None]
    if not printed_as_json(json_file, manifests):
        rows = []
        for manifest in manifests:
            model = [manifest["version"], manifest["profile"]]
            for result in manifest["evaluations"]:
                fewest, most = result["clutter"]
                objects = f"{result['objects']}, {fewest} to {most} a bin" if fewest < most else result["objects"]
                interval = f"{result['wilson_low']:.1%} to {result['wilson_high']:.1%} of {result['episodes']}"
                rows.append([*model, objects, f"{result['success']:.1%} ({interval})"])
            if not manifest["evaluations"]:
                rows.append([*model, "", "not evaluated"])
        print_table(["model", "profile", "objects", "success (95 % interval)"], rows, title=f"models in {store}")
    broken = [each.reason for each in listed if each.manifest is None]
    for reason in broken:
        typer.echo(f"broken: {printable(reason)}", err=True)
    if broken:
        raise typer.Exit(1)


def verify(
    model: Model,
    trusted: Annotated[Path | None, typer.Option(help="Public keys: one of them must have signed the model.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Compare a model with its manifest and let it decide once.

    Its policy is built from the weights: code in its policy.pt is not run. Exit code 1 where the model is broken,
    or not signed by a trusted key.
    """
    from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
    from qtopt_agent.models.folder import load
    from qtopt_agent.models.manifest import MANIFEST
    from qtopt_agent.models.released import find_model
    from qtopt_agent.models.signatures import read_trusted

    folder, keys, problem = find_model(model), read_trusted(trusted) if trusted else None, ""
    if not (folder / MANIFEST).exists():
        raise InvalidInput(f"{folder} is not a model: it has no {MANIFEST}")
    try:
        load(folder, trusted=keys)
    except IncompatibleModel as error:
        problem = str(error)
    version, well = folder.resolve().name, not problem
    if not printed_as_json(
        json_file, {"model": version, "whole": well, "trusted": well and keys is not None, "problem": problem}
    ):
        signed = ", and a trusted key has signed it" if keys is not None else ""
        found = f"files, specification and a first decision are as they should be{signed}"
        typer.echo(printable(f"{version}: {found}" if well else f"{version} is broken: {problem}"))
    if not well:
        raise typer.Exit(1)


def keygen(
    file: Annotated[Path, typer.Argument(help="For the private key; FILE.pub is the public one.")],
    json_file: JsonFile = None,
) -> None:
    """Make a pair of keys to sign models with.

    They are ed25519 keys in OpenSSH's format; the private one is for its owner alone.
    """
    from qtopt_agent.models import signatures

    public = signatures.make_key(file)
    fingerprint = signatures.fingerprint(public)
    if printed_as_json(
        json_file, {"private": file, "public": signatures.public_file(file), "fingerprint": fingerprint}
    ):
        return
    typer.echo(f"private key: {file}")
    typer.echo(f"public key:  {signatures.public_file(file)} ({fingerprint})")


def sign(
    model: Model,
    key: Annotated[Path, typer.Option(help="Private key, as keygen or ssh-keygen -t ed25519 makes it.")],
    json_file: JsonFile = None,
) -> None:
    """Sign a model.

    An agent that insists on trusted keys then takes it. Record evaluations before.
    """
    from qtopt_agent.models import folder as model_folder
    from qtopt_agent.models.released import find_model
    from qtopt_agent.models.signatures import fingerprint

    folder = find_model(model)
    version, signer = folder.resolve().name, fingerprint(model_folder.sign(folder, key))
    if printed_as_json(json_file, {"model": version, "signed_by": signer}):
        return
    typer.echo(f"{version} is signed by {signer}")
