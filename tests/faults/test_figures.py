"""The command that prints the figures reads what the tests wrote."""

from bench.faults import read, table


def test_a_figure_is_shown_with_its_median_and_its_worst() -> None:
    values = [1.0, 9.5, 2.0]
    lines = [f'{{"name": "failover, seconds", "value": {value}}}' for value in values]
    _, row = table(read(lines))
    assert row.split() == ["failover,", "seconds", "3", "2.00", "9.50", "9.50"]


def test_of_a_hundred_values_the_ninety_ninth_is_the_percentile() -> None:
    _, row = table({"seconds": [float(value) for value in range(1, 101)]})
    assert row.split() == ["seconds", "100", "50.50", "99.00", "100.00"]
