"""Writes the README's figures from docs/results/*.json, so that no number is typed by hand.

    python tools/readme_figures.py

The reports come from runs/*.sh; all of them stand in docs/results.md, which those scripts write.
"""

from figures.accompaniments import contexts, partial
from figures.bands import codecs, invented, more_sources, single, together
from figures.reports import ROOT
from figures.separations import absent, rules, separations, told
from figures.speeds import side_by_side, speed

BEGIN, END = "<!-- figures: written by tools/readme_figures.py -->", "<!-- end of figures -->"


def readme_block() -> str:
    """The README's figures."""
    parts = {
        "**Separation** by `band`, `runs/separation.sh`:": separations(),
        "**The same network through the paper's rules**, `runs/likelihoods.sh`:": rules(),
        "**Songs taken apart by names**, `runs/gmsdi_separation.sh`:": told(),
        "**Asked for a sound that was taken out of the song**, the same, masked:": absent(),
        "**Stems that `gmsdi-band` makes together**, `runs/gmsdi_generation.sh`:": together(),
        "**Stems that `gmsdi-band` makes one by one**, the same:": single(),
        "**Stems that `gmsdi-band` plays along**, the same:": partial(),
        "**Two to eight sources**, `runs/gmsdi_sources.sh`:": more_sources(),
        "**Music over latents**, `runs/msldm_generation.sh`:": invented(),
        "**What a codec keeps of single stems**, `runs/msldm_codec.sh`:": codecs(),
        "**Accompaniment by `band` hears its context**, `runs/accompaniment.sh`:": contexts(),
        "**Speed and memory** of `band`, `runs/speed.sh`:": speed("speed"),
        "**Speed and memory** of `gmsdi-band`, `runs/gmsdi_speed.sh`:": speed("gmsdi-band-speed"),
        "**Speed** of `msldm-band`, `runs/msldm_speed.sh`:": side_by_side("msldm-band-speed", "msldm-band-speed-beside-band"),
    }
    return "\n\n".join(title + "\n\n" + ("\n".join(lines) or "Not measured yet.") for title, lines in parts.items())


def main() -> None:
    """Put them between their marks."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{readme_block()}\n{END}{rest.split(END)[1]}")
    print("wrote the figures in README.md")


if __name__ == "__main__":
    main()
