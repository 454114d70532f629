"""The page: what was measured, the choice and why, plots, and a table for each factor. From the rows alone, at any time."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.study import bands, making, plan, separating, tables
from bench.study.plots import generation_plot, separation_plot
from bench.study.rows import Rows
from bench.study.scored import TOLERATED, Choice, Scored, choose, scored
from bench.study.separating import own_rows
from bench.study.setting import Setting
from stemweave.errors import DataError
from stemweave.evaluation.comparison import LEAST
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import read
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Table, markdown

ABOUT, CHOSEN, SEPARATION, GENERATION = "run.json", "chosen.json", "separation.csv", "generation.csv"


def write_page(results: Path) -> Path:
    """Write the page, its plots and the choice; the page lies beside the folder ``results`` and has its name.

    Raises :class:`DataError` where nothing was measured yet.
    """
    if not (results / ABOUT).is_file():
        raise DataError(f"{results} holds no {ABOUT}: measure something first")
    measured = Measured(results, read(results / ABOUT))
    page = results.with_suffix(".md")
    measured.draw()
    reports.write(results / CHOSEN, measured.chosen())
    page.write_text("\n".join(measured.text()), encoding="utf-8")
    return page


@dataclass(frozen=True)
class Measured:
    """The rows of the run that ``about`` describes."""

    results: Path
    about: Mapping[str, Any]

    @property
    def stems(self) -> tuple[str, ...]:
        """The model's."""
        return tuple(self.about["stems"])

    @property
    def anchor(self) -> str:
        """The stem expected loudest."""
        return str(self.about["anchor"])

    @cached_property
    def found(self) -> dict[Setting, Scored]:
        """Every setting that was measured on all songs."""
        rows = Rows(self.results / SEPARATION, separating.KEYS, separating.values(self.stems))
        excerpts = self.about["excerpts"]
        return scored(own_rows(rows, self.about["digest"], excerpts), self.stems, [one["song"] for one in excerpts])

    @cached_property
    def made(self) -> dict[Setting, bands.Made]:
        """Every setting of generation; empty where none was measured."""
        if "making" not in self.about:
            return {}
        rows = Rows(self.results / GENERATION, making.KEYS, making.values(self.stems))
        return bands.made(rows, self.about["making"])

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """By likelihood."""
        return {name: choose(name, self.found, plan.reference(name, self.anchor)) for name in plan.LIKELIHOODS}

    @property
    def factors(self) -> tuple[plan.Factor, ...]:
        """One at a time."""
        return plan.factors(self.stems, self.anchor)

    @property
    def fixed(self) -> dict[str, Setting]:
        """The official settings, and the same walk through the other likelihoods."""
        more = {f"{one.likelihood}, {one.name}": one for one in plan.long(self.anchor)}
        return plan.official(self.anchor) | {name: one for name, one in more.items() if one.evaluations > 150}

    def draw(self) -> None:
        """All plots."""
        for name in {setting.likelihood for setting in self.found} & set(plan.LIKELIHOODS):
            base = plan.bases(name, self.anchor)[-1]
            separation_plot(self.results / f"{name}.png", base, self.found, self.choices[name].reference)
        if self.made:
            generation_plot(self.results / "generation.png", self.made)

    def chosen(self) -> dict[str, Any]:
        """The choice as JSON: by likelihood and kind the sampling that a checkpoint stores, and its figures."""
        separation = {name: {kind: _chosen(choice, kind) for kind in tables.KINDS} for name, choice in self.choices.items()}
        generation = {kind: _nearest(one) for kind, one in bands.choose(self.made).items()}
        return {
            "model": self.about["model"],
            "digest": self.about["digest"],
            "separation": separation,
            "generation": generation,
        }

    def text(self) -> Iterator[str]:
        """The page, part by part."""
        yield "# How few evaluations of the network are enough\n"
        yield from self._measured()
        yield from self._chosen()
        yield "## More evaluations\n"
        yield from (self._picture(name, "SI-SDRi and level against evaluations") for name in plan.LIKELIHOODS)
        yield PLOTTED.lstrip()
        yield "## One factor at a time\n"
        yield f"{FACTORS.strip()} {', '.join(self.stems)}.\n"
        yield from (self._table(tables.factor_table(factor, self.found)) for factor in self.factors)
        yield "## Crossed\n"
        yield CROSSED.lstrip()
        yield self._table(self._crossed())
        yield "## The paper's walk\n"
        yield f"{OFFICIAL.strip()} {self.anchor}.\n"
        yield self._table(tables.fixed_table("300 evaluations", self.fixed, self.found))
        yield "## Generation\n"
        yield from self._generation() if self.made else ["Not measured yet.\n"]

    def _measured(self) -> Iterator[str]:
        about, songs = self.about, self.about["excerpts"]
        yield (
            f"Model `{about['model']['name']}`, weights {about['model']['sha256'][:12]}, {about['precision']}; {len(songs)} "
            f"songs of {about['data']}, {float(songs[0]['length_s']):.2f} s from the middle of what has most stems; the "
            f"network's own signals (`--direct`), mono at the model's rate. "
            f"{len(self.found)} settings of separation and {len(self.made)} of generation were measured.\n"
        )
        if len(songs) < LEAST:
            yield f"**{len(songs)} songs are too few to compare anything.**\n"
        yield f"Machine: {', '.join(f'{name} {value}' for name, value in about['machine'].items())}.\n"
        yield f"One evaluation of one window of music took {about['seconds_per_window']:.3f} s. Written by code, after\n"
        yield "\n".join(f"    {command}" for command in about["commands"]) + "\n"
        yield MEASURES.lstrip()

    def _chosen(self) -> Iterator[str]:
        yield "## Chosen\n"
        yield RULE.lstrip()
        yield self._table(tables.choice_table(self.choices))
        if missing := [name for name, choice in self.choices.items() if choice.reference is None]:
            yield f"Nothing can be chosen yet for {', '.join(missing)}: the official setting is not measured.\n"
        yield f"The choice as JSON: [{CHOSEN}]({self.results.name}/{CHOSEN}).\n"

    def _crossed(self) -> Table:
        varied = [setting for factor in self.factors for setting in factor.settings]
        known = {*plan.official(self.anchor).values(), *plan.long(self.anchor)}
        return tables.crossed_table({s: one for s, one in self.found.items() if s not in known}, varied)

    def _generation(self) -> Iterator[str]:
        about = self.about["making"]
        yield (
            f"{about['bands']} bands of {float(about['length_s']):.2f} s in each setting, against {about['reference_songs']} "
            f"songs of {about['reference']}; half of those songs are {about['floor']:.2f} (KAD × 100) from the other half, and "
            f"their stems are {about['alike']:.3f} alike.\n"
        )
        yield self._picture("generation", "KAD and coherence gaps against evaluations")
        yield BANDS.lstrip()
        choice = {tables.MEANING[kind]: one for kind, one in bands.choose(self.made).items()}
        said = (f"{one.setting.name}, KAD {one.distance:.1f}" if one else "none" for one in choice.values())
        yield "\n".join(f"- {kind}: {words}" for kind, words in zip(choice, said, strict=True)) + "\n"
        yield self._table(bands.table(self.made.values(), self.stems))

    def _picture(self, name: str, shows: str) -> str:
        file = f"{name}.png"
        return (
            f"![{name}: {shows}]({self.results.name}/{file})\n"
            if (self.results / file).is_file()
            else f"{name}: no plot yet.\n"
        )

    def _table(self, table: Table) -> str:
        return markdown([table]) if table.measured else f"### {table.title}\n\nNot measured yet.\n"


def _chosen(choice: Choice, kind: str) -> dict[str, Any] | None:
    one: Scored | None = getattr(choice, kind)
    if one is None:
        return None
    said = _sampled(one.setting) | {"evaluations": one.evaluations, "si_sdri": entry(one.mean)}
    if kind == "reference" or choice.reference is None or len(one.songs) < LEAST:
        return said
    return said | {"over_official": entry(one.over(choice.reference).difference)}


def _nearest(one: bands.Made | None) -> dict[str, Any] | None:
    return _sampled(one.setting) | {"evaluations": one.evaluations, "kad": asdict(one.cell("kad"))} if one else None


def _sampled(setting: Setting) -> dict[str, Any]:
    beside = {"likelihood": setting.likelihood, "anchor": setting.anchor, "start": setting.start}
    return beside | {"sampling": asdict(setting.sampling)}


MEASURES = """
SI-SDRi counts stems only where they sound (active-only), mean over stems, then over songs, with 95 % intervals by song; 0
dB is the mixture handed out as every stem. Level is the estimate's RMS over the true stem's, mean over songs: an estimate
that is too quiet, or an average, can have a good SI-SDRi. An evaluation is one call of the network for a window of music;
the calls are counted. s is the time for one excerpt, the median song's. γ is the part by which churn raises the noise level
before each step, the same whatever the number of steps. A walk that ends in numbers that are not finite counts as silence,
and the row says so.
"""
RULE = f"""
For each likelihood, the cheapest setting of at most {plan.AFFORDABLE} evaluations that surely loses no more than
{-TOLERATED:g} dB to the official one (the 95 % interval of the difference by song lies above {TOLERATED:g} dB), that surely
does more than hand out the mixture (the interval of its SI-SDRi lies above 0 dB), and that never diverges. Beside it the
best of at most {plan.AFFORDABLE} evaluations, and the best of all, by mean SI-SDRi. Official, from 2302.02257: 150 steps of
Euler with 2 resamples, 300 evaluations, σ 1 to 0.0001, ρ 7; Dirac with churn 20, the bass its anchor; Gaussian with churn
40 and explicit steps. Likelihoods that the paper does not have are compared with its Dirac. The best of many settings on
the same songs looks better than it is: confirm it on others.
"""
PLOTTED = f"""
Lines: solvers without churn, all else as the base, with 95 % intervals; grey: all other settings of the likelihood. The
star is the official setting; the dotted line on the left is {-TOLERATED:g} dB under it, on the right its level.
"""
FACTORS = """
Each row differs from the first of its family in one thing alone. The families start from Euler without churn: the learned
likelihood in 1 and in 4 steps from σ 2, the others in 12 evaluations from σ 1, all to σ 0.001. A start of equal or power
begins the walk at the mixture plus noise, shared out equally or by the stems' expected power; own is silence, and for the
posterior mean its own first answer. By stem: means over songs; the stems are, in this order,
"""
CROSSED = f"""
Of each likelihood the best five of at most {plan.AFFORDABLE} evaluations, two at a time: the better one with what sets the
other apart from the base. Compared with the best that varies in one factor alone.
"""
OFFICIAL = """
As released, and the same walk through the other likelihoods. The stem expected loudest, which is the best anchor in theory,
is the
"""
BANDS = f"""
The cheapest is that with the fewest evaluations, at most {plan.AFFORDABLE}, whose KAD is within the official setting's
interval. So few bands tell large differences alone.
"""
