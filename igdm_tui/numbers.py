"""How numbers and times are written, everywhere alike: percent, significant digits, durations, moments."""

import math
from datetime import UTC, datetime

from core.spec.catalogue import METRICS

NOTHING = "–"


def percent(value: float | None) -> str:
    """A fraction in percent with two decimals, without the sign; "–" when not measured."""
    return NOTHING if value is None or math.isnan(value) else f"{value * 100:.2f}"


def number(value: float | None, digits: int = 4) -> str:
    """A number in `digits` significant digits, trailing zeros kept; "–" when not measured."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(value)
    if value != 0 and not 1e-3 <= abs(value) < 10**digits:
        return f"{value:.{max(digits - 3, 1)}e}"
    decimals = digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{value:.{min(max(decimals, 0), digits)}f}"


def metric(name: str, value: float | None) -> str:
    """A metric by its unit: percent for a fraction, otherwise four significant digits."""
    entry = METRICS.get(name)
    return percent(value) if entry is not None and entry.unit == "fraction" else number(value)


def duration(seconds: float | None) -> str:
    """Five characters or less: 0:07, 3:12, 1h05, 26h, 3d04."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(int(seconds), 0)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours == 0:
        return f"{minutes}:{whole % 60:02d}"
    if hours < 48:
        return f"{hours}h{minutes % 60:02d}"
    return f"{days}d{hours % 24:02d}"


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as UTC ISO text with milliseconds; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def since(moment_text: str | None, now: float) -> float | None:
    """Seconds between a UTC ISO time and `now` (seconds since 1970); None when it is missing or no time."""
    try:
        then = datetime.fromisoformat(moment_text or "")
    except ValueError:
        return None
    return now - (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()


def age(moment_text: str | None, now: float) -> str:
    """How long ago a UTC ISO time was: 12s, 5m, 3h, 2d, 7w; "–" when unknown."""
    seconds = since(moment_text, now)
    if seconds is None:
        return NOTHING
    for size, unit in ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size * (2 if unit == "w" else 1):
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"
