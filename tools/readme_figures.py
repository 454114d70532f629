"""Writes docs/figures.md, and the main ones of its figures into the README, from docs/results/*.json: none is typed by hand.

    python tools/readme_figures.py

The reports come from runs/*.sh; all of them stand in docs/results.md, which those scripts write.
"""

from collections.abc import Iterable

from figures.accompaniments import contexts, partial
from figures.bands import by_priors as bands_by_priors
from figures.bands import codecs, codecs_in_short, invented, more_sources, single, together
from figures.reports import ROOT
from figures.separations import absent, another, by_priors, over_latents, rules, separations, told, told_elsewhere
from figures.speeds import side_by_side, speed

from stemweave.tasks.coupled import COUPLINGS

PAGE = ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- figures: written by tools/readme_figures.py -->", "<!-- end of figures -->"


def main_figures() -> str:
    """The README's."""
    return laid_out(
        {
            "**Separation** by `band`, `runs/separation.sh`:": separations("masked", "oracle"),
            "**Songs taken apart by names**, `runs/gmsdi_separation.sh`:": told("masked"),
            "**Asked for a sound that was taken out of the song**, the same, masked:": absent(),
            "**Bands invented**, `runs/msldm_generation.sh`:": invented(),
            "**What its codec keeps**, `runs/msldm_codec.sh`:": codecs_in_short(),
            "**What plays along with given drums**, `runs/gmsdi_generation.sh`, `runs/msldm_accompaniment.sh`:": partial(
                "consistent"
            ),
            "**Speed and memory** of `band`, `runs/speed.sh`:": speed("speed"),
            "**Speed and memory** of `gmsdi-band`, `runs/gmsdi_speed.sh`:": speed("gmsdi-band-speed"),
            "**Speed** of `msldm-band`, `runs/msldm_speed.sh`:": side_by_side("msldm-band-speed", "band"),
        }
    )


def page() -> str:
    """docs/figures.md."""
    title = "# Figures\n\nOf our own rendered band, and how to read them: the README and [evaluation.md](evaluation.md).\n\n"
    more = {
        "**Separation** by `band`, `runs/separation.sh`:": separations("masked", "direct", "oracle", "silence"),
        "**The same network through the paper's rules**, `runs/likelihoods.sh`:": rules(),
        "**Independent and joint priors as separators**, `runs/priors.sh`:": by_priors(),
        "**What they invent**, the same:": bands_by_priors(),
        "**Songs taken apart over latents**, `runs/msldm_separation.sh`:": over_latents(),
        "**Songs taken apart by names**, `runs/gmsdi_separation.sh`:": told("masked", "direct"),
        "**The same by expected spectra**, on other sounds and notes:": told_elsewhere("masked", "direct"),
        "**The same on another architecture**, the published U-Net made small, `runs/gmsdi_validation.sh`:": another(
            "masked", "direct"
        ),
        "**Asked for a sound that was taken out of the song**, `gmsdi-band` again, masked:": absent(),
        "**Stems that `gmsdi-band` makes together**, `runs/gmsdi_generation.sh`:": together("gmsdi-band"),
        "**Stems that `gmsdi-band` makes one by one**, the same:": single("gmsdi-band"),
        "**Stems that `gmsdi-unet-band` makes together**, `runs/gmsdi_validation.sh`:": together("gmsdi-unet-band"),
        "**Stems that `gmsdi-unet-band` makes one by one**, the same:": single("gmsdi-unet-band"),
        "**What plays along with given drums**, `runs/gmsdi_generation.sh`:": partial(*COUPLINGS),
        "**Two to eight sources**, `runs/gmsdi_sources.sh`:": more_sources(),
        "**Bands invented**, `runs/msldm_generation.sh`:": invented(),
        "**What a codec keeps of single stems**, `runs/msldm_codec.sh`:": codecs(),
        "**Accompaniment by `band` hears its context**, `runs/accompaniment.sh`:": contexts("context"),
        "**Accompaniment by `msldm-band` hears its context**, `runs/msldm_accompaniment.sh`:": contexts("msldm-band-context"),
    }
    return title + laid_out(more) + "\n"


def laid_out(parts: dict[str, Iterable[str]]) -> str:
    """Titles, and what was measured."""
    return "\n\n".join(title + "\n\n" + ("\n".join(lines) or "Not measured yet.") for title, lines in parts.items())


def main() -> None:
    """Write both."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{main_figures()}\n{END}{rest.split(END)[1]}")
    PAGE.write_text(page())
    print("wrote docs/figures.md and the figures in README.md")


if __name__ == "__main__":
    main()
