"""Medians and intervals of paired measurements."""

import random
import statistics


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interval(values, level=0.95, draws=10000, seed=1):
    """Percentile bootstrap interval of the median."""
    if len(values) < 3:
        return min(values), max(values)
    dice = random.Random(seed)
    medians = [statistics.median(dice.choices(values, k=len(values))) for _ in range(draws)]
    return quantile(medians, (1 - level) / 2), quantile(medians, (1 + level) / 2)


def paired_ratio(ours, theirs):
    """How many times longer the peer takes: median of the ratios of each round, and its interval."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    low, high = interval(ratios)
    return statistics.median(ratios), low, high
