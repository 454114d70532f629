"""Styles: what each kind of music asks of the band. Writers and grooves are ordered from calm to lively."""

from dataclasses import dataclass, field

from stemweave.band import harmony
from stemweave.band.basslines import bassline, locked, walking
from stemweave.band.comping import keys, keys_on_kicks, pluck, riff, riff_on_kicks, strum
from stemweave.band.grooves import (
    BELL,
    CLAP,
    CONGA,
    CONGA_LOW,
    CONGA_MUTE,
    COWBELL,
    HAT,
    OPEN,
    PEDAL,
    RIDE,
    SHAKER,
    STICK,
    TAMBOURINE,
    Groove,
)
from stemweave.band.harmony import Mode
from stemweave.band.leads import lead
from stemweave.band.patterns import Writer
from stemweave.band.score import Programs

GUITAR_LEAD = lead(64, 83)
PIANO_LEAD = lead(74, 96)


@dataclass(frozen=True)
class Style:
    """A kind of music; ``tempo`` in beats a minute, ``swing`` the share of half a unit by which off-beats come late."""

    name: str
    tempo: tuple[float, float]
    modes: tuple[Mode, ...]
    grooves: tuple[Groove, ...]
    bass: tuple[Writer, ...]
    guitar: tuple[Writer, ...]
    piano: tuple[Writer, ...]
    programs: Programs  # the sounds it likes
    meter: tuple[int, int] = (4, 4)
    beats: int = 4  # in a bar; in 12/8 a beat is a dotted quarter
    cells: int = 8  # the melody's steps in a bar
    swing: float = 0.0
    swung: float = 1.0  # beats in a swing unit: 1 swings eighths, 0.5 sixteenths
    sizes: tuple[int, ...] = field(default=(4, 4, 4, 8))  # bars in a section


ROCK = Style(
    "rock",
    (100, 160),
    (harmony.MAJOR, harmony.MINOR, harmony.MIXOLYDIAN),
    (
        Groove("x.......x.......", "....X.......X...", "x.x.x.x.x.x.x.x."),
        Groove("x.....x.x.......", "....X.......X..o", "x.x.x.x.x.x.x.x."),
        Groove("x..x....x.x...?.", "....X..o.o..X...", "x.x.x.x.x.x.x.x."),
        Groove("x.x...x...x.....", "....X.......X...", "x...x...x...x...", (HAT, OPEN, RIDE)),
        Groove(
            "x...x...x...x...", "x...X...x...X...", "x.x.x.x.x.x.x.x.", (HAT, OPEN), extra=((TAMBOURINE, "..x...x...x...x."),)
        ),
    ),
    (bassline("r---5---"), bassline("rrrrrrrr", 0.8), locked(), bassline("r.rr.rra"), bassline("rrrrrr5a", 0.8)),
    (
        pluck("b-3-4-3-5-3-4-3-"),
        strum("D---D-DUD---D-DU"),
        strum("D-.U.UDU"),
        riff("X---x.x.X---x.x."),
        riff_on_kicks,
        GUITAR_LEAD,
    ),
    (
        keys("X-------", "R-------"),
        keys("0.1.2.1.", "r---5---"),
        keys("x.x.x.x.", "r---r---"),
        keys("X..x..x.", "R---R---", 0.6),
        keys_on_kicks,
    ),
    {"bass": (33, 34), "drums": (0, 16, 8), "guitar": (25, 27, 30, 29, 28), "piano": (0, 1, 2)},
)
POP = Style(
    "pop",
    (90, 128),
    (harmony.MAJOR, harmony.MAJOR, harmony.MINOR),
    (
        Groove("x.......x.......", "....X.......X...", "x.x.x.x.x.x.x.x.", (HAT, HAT, SHAKER)),
        Groove("x.......x.x.....", "....X.......X...", "x.x.x.x.x.x.x.x.", extra=((CLAP, "....x.......x..."),)),
        Groove("x..x..x...x.....", "....X.......X...", "x.xxx.xxx.xxx.x?"),
        Groove("x...x...x...x...", "....X.......X...", "..X...X...X...X.", (OPEN, OPEN, HAT), CLAP),
    ),
    (
        bassline("r-------"),
        bassline("r---5---"),
        bassline("r..rr..a"),
        bassline("rrrrrrrr", 0.75),
        bassline("r.8.r.8.", 0.7),
        locked(),
    ),
    (
        pluck("b-2-3-4-b-2-3-4-"),
        pluck("p---p-p-"),
        strum("D---D-U-"),
        strum("D-DU.UDU"),
        strum("D-d-U-du.uD-d-DU"),
        GUITAR_LEAD,
    ),
    (
        keys("X---X---", "r---r---"),
        keys("02134123", "r-------"),
        keys("0.2.1.2.0.2.1.2.", "R-------"),
        keys("x.x.x.x.", "R-------"),
        keys("x..x..x.", "R---R---", 0.8),
        PIANO_LEAD,
    ),
    {"bass": (33, 34, 38, 39), "drums": (0, 8, 24, 25), "guitar": (24, 25, 27, 28), "piano": (0, 1, 4, 5)},
)
BALLAD = Style(
    "ballad",
    (60, 84),
    (harmony.MAJOR, harmony.MAJOR, harmony.MINOR),
    (
        Groove("x.......x.......", "....x.......x...", "x...x...x...x...", (PEDAL, HAT, RIDE), STICK),
        Groove("x.......x.x.....", "....X.......X...", "x.x.x.x.x.x.x.x."),
        Groove("x..x......x.....", "....X..o....X.o.", "xoxoxoxoxoxoxoxo"),
    ),
    (bassline("r-------"), bassline("r---5---"), bassline("r--rr--a"), locked(0.95)),
    (
        pluck("b-2-3-4-5-4-3-2-"),
        pluck("b.3.2.3.4.3.2.3."),
        pluck("b--p--p-"),
        strum("D---d-du"),
        strum("D---d-duD-d-d-DU"),
        GUITAR_LEAD,
    ),
    (
        keys("X-------", "R-------"),
        keys("X---x-x-", "r---5---"),
        keys("0.1.2.3.4.3.2.1.", "R-------"),
        keys("x.x.x.x.", "r-5-8-5-"),
        PIANO_LEAD,
    ),
    {"bass": (33, 35, 32), "drums": (0, 8, 40), "guitar": (24, 25, 26, 27), "piano": (0, 1, 4, 5)},
    sizes=(2, 4, 4),
)
FUNK = Style(
    "funk",
    (92, 116),
    (harmony.DORIAN, harmony.MIXOLYDIAN, harmony.MINOR),
    (
        Groove("x.....x...x.....", "....X..o.o..X..o", "x.x.x.x.x.x.x.x.", (HAT, HAT, RIDE)),
        Groove("x.x....?..x..x..", "....X..o.o.oX..o", "xoxoxoxoxoxoxoxo", (HAT,)),
        Groove("x..x..x....x..?.", "....X.oo....X.o.", "xxxxxxxxxxxxxx..", (HAT,), extra=((OPEN, "..............x."),)),
        Groove("x..x..x...x..x..", "....X..o.o..X..?", "x.x.x.x.x.x.x.x.", (HAT, BELL), extra=((COWBELL, "x...x...x...x..."),)),
    ),
    (bassline("r..r..o.5.r..o7a", 0.75), locked(0.7), bassline("r.or..8.o.5.7.8.", 0.7), bassline("r-.8.r.o..r.5.7a", 0.75)),
    (
        strum("..D...D...D...D.", 0.45, 4),
        strum("d.mu.mdum.du.md.", 0.7, 4),
        strum("DmmumDmumDmuDmuD", 0.6, 4),
        strum("..mU..mU..mUm.U.", 0.5, 3),
        GUITAR_LEAD,
    ),
    (
        keys("X-----------....", "R-------"),
        keys("..x...x..x....x.", "", 0.6),
        keys("x..x..x.o.x..x.o", "", 0.5),
        keys("0.22o.13.2o2.3x.", "r.......r..5....", 0.6),
        keys_on_kicks,
    ),
    {"bass": (36, 37, 33), "drums": (0, 8), "guitar": (27, 28), "piano": (4, 5, 7, 2)},
    cells=16,
    swing=0.12,
    swung=0.5,
)
DISCO = Style(
    "disco",
    (112, 128),
    (harmony.MINOR, harmony.MAJOR, harmony.DORIAN),
    (
        Groove("x...x...x...x...", "....X.......X...", "..x...x...x...x.", (OPEN, OPEN, HAT)),
        Groove("x...x...x...x...", "....X.......X...", "xox.xox.xox.xox.", (HAT,), extra=((OPEN, "..x...x...x...x."),)),
        Groove(
            "X...X...X...X...", "....X.......X..?", "xxxxxxxxxxxxxxxx", (HAT, SHAKER), CLAP, ((TAMBOURINE, "..x...x...x...x."),)
        ),
    ),
    (
        bassline("r...r...5...r..a"),
        bassline("r8r8r8r8", 0.7),
        bassline("r.8.r.8.r.8.5.8a", 0.8),
        bassline("r..r..8.r.r.5.7a", 0.8),
    ),
    (
        strum("....D.......D...", 0.4, 4),
        strum("..D...D...D...D.", 0.4, 4),
        strum("D.dUm.dUD.dUm.dU", 0.6, 4),  # codespell:ignore dum
        strum("dudumuDudumuDumu", 0.6, 4),
        GUITAR_LEAD,
    ),
    (
        keys("X-------", "R-------"),
        keys("..x...x...x...x.", "", 0.5),
        keys("x..x..x...x..x..", "R---R---", 0.6),
        keys("0212321202123212", "R-------", 0.8),
    ),
    {"bass": (33, 38, 39, 36), "drums": (0, 8, 24, 25), "guitar": (27, 28), "piano": (0, 2, 4, 5)},
)
REGGAE = Style(
    "reggae",
    (66, 90),
    (harmony.MAJOR, harmony.MINOR, harmony.DORIAN),
    (
        Groove("........x.......", "........X.......", "x.x.x.x.x.x.x.x.", (HAT,), STICK),
        Groove("........x.......", "........X...?...", "xox.x.xox.x.x.xo", (HAT,), STICK, ((OPEN, "..............x."),)),
        Groove("x...x...x...x...", "........X.....o.", "x.x.x.x.x.x.x.x.", (HAT, RIDE)),
    ),
    (bassline("..r-..5-"), bassline("r-..r.53"), bassline("..r.r.5-..r.5.3a"), bassline("r..rr.3.5..5r..a")),
    (strum("..D...D.", 0.4, 4), strum("..D...D...D...Du", 0.4, 4), strum(".D.D.D.D", 0.45, 4), pluck("..3.4.2...3.4.5.")),
    (
        keys("..x...x.", "", 0.5),
        keys(".x.x.x.x", "", 0.45),
        keys(".xo.xo.xo.xo.xo?", "r.......r.......", 0.5),
        keys("X---....", "R-------"),
    ),
    {"bass": (33, 35, 34), "drums": (0, 8), "guitar": (27, 28, 26), "piano": (0, 1, 4)},
    swing=0.18,
)
BOSSA = Style(
    "bossa",
    (100, 140),
    (harmony.JAZZ, harmony.JAZZ_MINOR),
    (
        Groove("x..xx..x", "x..x..x.", "xxxxxxxx", (HAT, SHAKER), STICK),
        Groove("x..xx..x", "x..x...x.x..x..x", "xoxoxoxoxoxoxoxo", (HAT, SHAKER), STICK),
        Groove("x..xx..x", "..x.x..x..x..x..", "xxxxxxxx", (HAT, RIDE), STICK),
    ),
    (bassline("r---5---"), bassline("r--55--r"), bassline("r--55--n"), bassline("r--5r--a")),
    (pluck("b--pb-p-"), pluck("bp.p.p.p"), pluck("b.p..pb.p.p..pb."), GUITAR_LEAD),
    (
        keys("X-------", ""),
        keys("x..x..x.", "", 0.7),
        keys(".x.x..x>", "", 0.7),
        keys("x--x--x--x-x--?-", "r-------5-------"),
        PIANO_LEAD,
    ),
    {"bass": (32, 35), "drums": (32, 40, 8), "guitar": (24, 26), "piano": (0, 4)},
)
SWING = Style(
    "swing",
    (96, 190),
    (harmony.JAZZ, harmony.JAZZ_MINOR, harmony.BLUES),
    (
        Groove("x...?...", "..x...x.", "x.xxx.xx", (HAT, RIDE, RIDE), PEDAL),
        Groove("x.......", "..x...x.", "x.xxx.xx", (RIDE,), PEDAL, ((STICK, "......x."),)),
        Groove("x..?....", "..x...x.", "x.xxx.xx", (RIDE, BELL), PEDAL, ((38, ".?.o..?o"),)),
    ),
    (bassline("r---5---"), walking, walking, walking),
    (strum("DDDD", 0.7, 4), strum("dDdD", 0.6, 4), strum("..D....>", 0.6, 4), strum("D..D..?.", 0.6, 4), GUITAR_LEAD),
    (keys("X-------", ""), keys("x..x....", "", 0.6), keys(".x..x..>", "", 0.6), keys("..x..x.?", "", 0.5), PIANO_LEAD),
    {"bass": (32, 35), "drums": (32, 40), "guitar": (26, 24), "piano": (0, 3)},
    swing=0.33,
    sizes=(4, 8),
)
SHUFFLE = Style(
    "shuffle",
    (84, 132),
    (harmony.BLUES,),
    (
        Groove("x...x...", "..X...X.", "x.xxx.xx", (HAT, RIDE)),
        Groove("x..xx..x", "..X...X.", "xxxxxxxx", (HAT, RIDE, OPEN)),
        Groove("x.x.x.x.", "o.Xoo.Xo", "x.xxx.xx", (HAT, RIDE)),
    ),
    (bassline("r---5--a"), walking, bassline("r3568653", 0.85), bassline("rr33556a", 0.8)),
    (strum("..D...D.", 0.4, 4), riff("X-X-X-X-"), strum("D-uD-uDu"), strum(".D.u.D.?", 0.6, 4), GUITAR_LEAD),
    (
        keys("X---X---", "R---R---"),
        keys("..x..x.?", "r-5-r-5-", 0.6),
        keys("xxxxxxxx", "r-5-8-5-", 0.6),
        keys(".x.xx..x", "", 0.5),
        PIANO_LEAD,
    ),
    {"bass": (33, 34, 32), "drums": (0, 16, 8), "guitar": (27, 29, 26, 25), "piano": (0, 3, 1)},
    swing=0.33,
    sizes=(12, 12, 4),
)
LATIN = Style(
    "latin",
    (88, 118),
    (harmony.MONTUNO, harmony.DORIAN, harmony.SALSA),
    (
        Groove(
            "x.......x.......", "x..x...x..x.x...", "x.x.x.x.x.x.x.x.", (SHAKER, HAT), STICK, ((CONGA, "......x.......xx"),)
        ),
        Groove(
            "...x..x....x..x.",
            "x..x..x...x.x...",
            "x...x...x...x...",
            (COWBELL, BELL),
            STICK,
            ((CONGA_MUTE, "x.x...x.x.x....."), (CONGA, "......xx......xx")),
        ),
        Groove(
            "...x..x....x..x.",
            "..x.x...x..x..x.",
            "x.xxx.xxx.xxx.xx",
            (COWBELL, RIDE),
            STICK,
            ((CONGA_LOW, "......xx........"), (CONGA, "..............xx")),
        ),
    ),
    (bassline("r---5---"), bassline("r..5--n-"), bassline("...5--n-"), bassline("r..5..8...5-n-..")),
    (pluck("b-2-3-4-b-2-3-4-"), pluck("b..p..p.b..p.p.."), strum("D-.U.UDU"), strum("D-m.U-m.D-mUm.U."), GUITAR_LEAD),
    (
        keys("X-------", "R-------"),
        keys("x..x..x.", "R---R---", 0.7),
        keys("0.23.2.30.23.2.3", "r.58.5.8r.58.5.8", 0.8),
        keys("x.22x2.xx.22.x.x", "r..8..r..8..r.8.", 0.7),
    ),
    {"bass": (32, 33, 35), "drums": (0, 8), "guitar": (24, 25, 27), "piano": (0, 1)},
)
METAL = Style(
    "metal",
    (130, 190),
    (harmony.POWER, harmony.POWER, harmony.MINOR),
    (
        Groove("x.......x.......", "........X.......", "x...x...x...x...", (HAT, OPEN, RIDE)),
        Groove("x.x...x.x.x...x.", "....X.......X...", "x.x.x.x.x.x.x.x.", (HAT, RIDE, OPEN)),
        Groove("x.xxx.xxx.xxx.xx", "....X.......X...", "x...x...x...x...", (RIDE, OPEN, BELL)),
        Groove("xxxxxxxxxxxxxxxx", "....X.......X...", "x...x...x...x...", (RIDE, OPEN, 57)),
        Groove("x...x...x...x...", "..X...X...X...X.", "x...x...x...x...", (RIDE, OPEN)),
    ),
    (bassline("r-------"), bassline("rrrrrrrr", 0.8), locked(0.8), bassline("r.rrr.rrr.rrr.ra", 0.7)),
    (
        riff("X-------"),
        riff("x.xxx.xxX---X---"),
        riff_on_kicks,
        riff("X-xxxxxxX-xxxxxx"),
        riff("xxxxxxxxxxxxxxX-"),
        GUITAR_LEAD,
    ),
    (
        keys("X-------", "R-------", 0.98),
        keys("0121", "R-------"),
        keys("X--x--x-", "R-------", 0.7),
        keys("01210121", "R-------"),
        keys_on_kicks,
    ),
    {"bass": (34, 33), "drums": (16, 0), "guitar": (30, 29), "piano": (0, 2, 6)},
    sizes=(4, 8, 8),
)
WALTZ = Style(
    "waltz",
    (84, 150),
    (harmony.MAJOR, harmony.MINOR),
    (
        Groove("x.....", "..x.x.", "x.x.x.", (HAT, RIDE), STICK),
        Groove("x.....", "..x.x.", "x.xxx.", (RIDE, HAT), PEDAL),
        Groove("x...?.", "..X.Xo", "x.x.xx", (HAT, RIDE)),
    ),
    (bassline("r--"), bassline("r-5"), bassline("r--r-a"), bassline("r-3-5-")),
    (pluck("b-2-3-"), pluck("b23432"), pluck("bpp"), strum("DDD", 0.8, 4), strum("D-D-DU"), GUITAR_LEAD),
    (keys("X--", "R--"), keys(".xx", "r--", 0.7), keys("021321", "r-5"), keys("x-xxx-", "r-5-8-", 0.8), PIANO_LEAD),
    {"bass": (32, 33, 35), "drums": (0, 40, 32), "guitar": (24, 25), "piano": (0, 6, 3)},
    meter=(3, 4),
    beats=3,
    cells=6,
    sizes=(4, 8, 8),
)
SLOW = Style(
    "slow 12/8",
    (48, 68),
    (harmony.MAJOR, harmony.MINOR, harmony.BLUES),
    (
        Groove("x.....x.....", "...x.....x..", "x.xx.xx.xx.x", (HAT, RIDE), STICK),
        Groove("x....xx.....", "...X.....X..", "xxxxxxxxxxxx", (HAT, RIDE)),
        Groove("x....xx.x...", "...X....oX.o", "xxxxxxxxxxxx", (HAT, RIDE, OPEN)),
    ),
    (bassline("r-----r-----"), bassline("r-----5-----"), bassline("r----rr----a"), bassline("r-r5-5r-r5-a")),
    (pluck("b23432b23432"), pluck("b2345432b234"), strum("D--d--D--d--"), strum("D-uD-uD-uDuD", 0.8, 4), GUITAR_LEAD),
    (
        keys("X-----X-----", "R-----R-----"),
        keys("012321012321", "R-----R-----"),
        keys("xxxxxxxxxxxx", "R-----R-----", 0.85),
        keys("XxxXxxXxxXxx", "r-5-8-r-5-8-", 0.8),
        PIANO_LEAD,
    ),
    {"bass": (33, 35, 32), "drums": (0, 8, 40), "guitar": (24, 27, 25, 26), "piano": (0, 1, 4, 5)},
    meter=(12, 8),
    cells=12,
    sizes=(2, 4, 4),
)
STYLES = (ROCK, POP, BALLAD, FUNK, DISCO, REGGAE, BOSSA, SWING, SHUFFLE, LATIN, METAL, WALTZ, SLOW)
NAMED = {style.name: style for style in STYLES}
