"""What a manifest tells of a noisy copy, in words."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from .._patch import ERRORS
from ..noise import strength_name
from ._arguments import OWN, TARGETS
from ._recipe import Described, is_person, steps
from ._table import TITLES


def told(manifest: Any) -> str:
    """Return what was done, as HTML; `manifest` is of any origin, None if there is none."""
    if manifest is None:
        return "<p>Two folders were compared: the noisy one has no manifest.json of labelnoise.</p>"
    try:
        facts = list(_facts(manifest))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return (
            '<p class="warn">manifest.json is damaged, and does not tell how the noisy labels were '
            "made.</p>"
        )
    lines = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in facts)
    return f'<dl class="facts">{lines}</dl>'


def _facts(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield terms and what is said of them."""
    settings, found, cases = manifest["settings"], manifest["found"], manifest["cases"]
    unit = "mm" if settings["spacing"] == "mm" else "pixels"
    yield "Command", f"<code>{escape(str(manifest['command']))}</code>"
    described = found["scaled"] if found else settings["noise"]
    by_label = described.get("per_label") or {"": described}
    each = [(label, step) for label, whole in by_label.items() for step in steps(whole)]
    strengths = [case["strength"] for case in cases if case["strength"]]
    used = sorted(float(strength) for strength in strengths if not isinstance(strength, dict))
    varied = f"{used[0]:.4g} to {used[-1]:.4g}" if used and used[0] != used[-1] else ""
    alone = varied if len(each) == 1 else ""
    lines = [
        f"{f'label {label}: ' * bool(label)}{_in_words(step, unit, alone)}" for label, step in each
    ]
    yield "Noise", "<br>".join(map(escape, lines))
    if varied and not alone:
        yield "Strengths", f"{varied} times these, from case to case"
    for name, score in TARGETS.items():
        if settings.get(name) is not None:
            measure = f" {escape(str(settings.get('score_unit', 'mm')))}" * (
                score in ("hd95", "assd")
            )
            yield "Target", f"{TITLES[score]} {_target(settings, settings[name], measure)}"
    searches = found.get("labels", {"": found} if found else {})
    for label, each in searches.items():
        of = f"label {escape(label)}: " if label else ""
        reached = f"{float(each['score']):.4f}, the mean of {int(each['cases']):,} cases"
        yield "Reached", of + reached
    noisy = sum(bool(case["noisy"]) for case in cases)
    far = sum(not case.get("reached", True) for case in cases)
    yield (
        "Cases",
        f"{len(cases):,}, {'all' if noisy == len(cases) else f'{noisy:,} of them'} noisy"
        + (f"; {far:,} only near the target" if far else ""),
    )
    if settings["raters"]:
        yield "Raters", f"{int(settings['raters'])} people draw each case"
    where = "volumes, in one go" if settings["volumes"] else f"{settings['plane']} planes"
    yield "Drawn in", escape(where)
    if settings.get("within"):
        yield "Inside", f"labels {', '.join(str(int(label)) for label in settings['within'])}"
    yield "Seed", escape(str(settings["seed"]))
    yield "Version", f"labelnoise {escape(str(settings['version']))}"
    if manifest["failed"]:
        reasons = (f"{name}: {reason}" for name, reason in manifest["failed"].items())
        yield "Failed", "<br>".join(map(escape, reasons))


def _target(settings: Mapping[str, Any], target: Any, unit: str) -> str:
    if isinstance(target, list):
        low, high = map(float, target)
        return f"{low:g} to {high:g}{unit}, a score of its own for each case"
    if isinstance(target, dict):
        each = (f"{float(score):g}{unit} for label {label}" for label, score in target.items())
        return escape(", ".join(each))
    return f"{float(target):g}{unit} {'in each case' if settings['per_case'] else 'on average'}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(step: Described, unit: str, varied: str) -> str:
    """Return an error with its strength, or what that goes from and to, and what it does."""
    if is_person(step):
        whose = ", ".join(map(str, step.get("annotators", ())))
        worse = f", {varied} times as far off as fitted" if varied else ""
        return f"labels{f' {whose}' * bool(whose)} as a person draws them{worse}"
    name, error = str(step["error"]), ERRORS.get(step["error"])
    strength, does = varied or f"{float(step['strength']):.4g}", ""
    if error is not None:
        of = strength_name(error)
        strength = f"{of} {strength}{'' if of == 'rate' else f' {unit}'}"
        does = ": " + " ".join((error.__doc__ or "").split("\n\n")[0].split())
    own = {
        option: takers[name].default for option, takers in OWN.items() if name in takers
    }  # as far as the step has no others
    options = [
        f"{option.replace('_', ' ')} {', '.join(map(_number, v if isinstance(v, list) else [v]))}"
        for option, v in {**own, **step}.items()
        if option not in ("error", "strength") and v is not None
    ]
    return f"{', '.join([f'{name}, {strength}', *options])}{does}"
