from custom.benchmark import machine
from custom.benchmark.candidate import Settings


def test_the_facts_of_this_machine(monkeypatch):
    monkeypatch.setattr(machine, 'SIDES', {('cpu', 'float32'): 16})
    monkeypatch.setattr(machine, 'matrix_rate', lambda *args: args == ('cpu', 'float32', 16) and 67.89)
    facts = machine.prepare('ours', Settings()).facts
    assert facts['cores'] >= 1
    assert facts['processor']
    assert facts['torch'].startswith('2.')
    assert facts['GFLOP/s of 16x16 matrix products in float32, cpu'] == 67.9


def test_a_product_is_timed_at_least_once():
    assert machine.matrix_rate('cpu', 'bfloat16', 8, seconds=0) > 0
