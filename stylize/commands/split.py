"""`ttirace stylize split`: one network of several styles becomes one for each."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("network", type=click.Path(path_type=Path), metavar="NETWORK")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder of the networks, each STYLE_SIZE.safetensors.",
)  # fmt: skip
def split(network: Path, output: Path) -> None:
    """Make of NETWORK, which several styles share, a network for each of them.

    What they share, each has then; a card says where it is from, as NETWORK's own does.

    \b
    Example:
      ttirace stylize train a.jpg b.jpg c.jpg --photos photos --size s -o trunk.safetensors
      ttirace stylize split trunk.safetensors -o networks
      ttirace stylize image me.jpg --style networks/b_s.safetensors -o me_b.jpg
    """  # noqa: D301
    from sim.deadline.errors import InputError
    from sim.deadline.models.model_file import card_path, write_card
    from stylize.model_file import model_path, read_model, write_model
    from stylize.training.card import card_of_part

    path = model_path(str(network))
    model = read_model(path)
    outs = {style: output / f"{style}_{model.size}.safetensors" for style in model.styles}
    for out in outs.values():
        for there in (out, card_path(out)):
            if there.exists():
                raise InputError(f"--output: {there} is there already; move it away")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {output}: {error.strerror or error}") from None
    cards = {style: card_of_part(path, style, out.stem) for style, out in outs.items()}
    for style, out in outs.items():
        write_model(out, model.only(style))
        if (card := cards[style]) is not None:
            write_card(out, card)
        click.echo(f"{style}: {out}, {out.stat().st_size / 1e6:.2f} MB")
