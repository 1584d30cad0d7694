import pytest

from core.spec.errors import ConfigError, IgdmError
from core.spec.loading import load_config
from core.spec.matrix import load_matrix


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="matrix.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to_file


def test_values_are_combined_in_every_way(write):
    path = write('[matrix]\n"igdm.alpha" = [0, 5]\n"runtime.seed" = [0, 1, 2]\n')
    found = [(run.config.igdm.alpha, run.config.runtime.seed) for run in load_matrix(path)]
    assert found == [(0, 0), (0, 1), (0, 2), (5, 0), (5, 1), (5, 2)]


def test_rows_set_what_goes_together_on_their_base(write):
    write("[optim]\nnum_epochs = 7\nmilestones = []\n", "base.toml")
    path = write(
        'base = "base.toml"\n[matrix]\n"runtime.seed" = [3, 4]\n'
        '[[row]]\nlabel = "a"\nset = { "method.name" = "ard", "igdm.alpha" = 9 }\n[[row]]\nlabel = "b"\n'
    )
    runs = load_matrix(path)
    assert [run.label for run in runs] == [
        "a runtime.seed=3",
        "a runtime.seed=4",
        "b runtime.seed=3",
        "b runtime.seed=4",
    ]
    assert {run.config.optim.num_epochs for run in runs} == {7}
    assert [run.config.method.name for run in runs] == ["ard", "ard", "adaad", "adaad"]


def test_one_run_of_a_matrix_is_named_by_its_number(write):
    path = write('[matrix]\n"igdm.alpha" = [0, 5]\n')
    config = load_config(path.with_name("matrix.toml#2"), ["runtime.seed=8"])
    assert (config.igdm.alpha, config.runtime.seed) == (5, 8)


@pytest.mark.parametrize("name", ["matrix.toml", "matrix.toml#0", "matrix.toml#3"])
def test_a_matrix_is_not_one_run(write, name):
    path = write('[matrix]\n"igdm.alpha" = [0, 5]\n')
    with pytest.raises(ConfigError, match="matrix of 2 runs"):
        load_config(path.with_name(name))


def test_a_number_says_what_is_wrong_with_it(write):
    path = write('[matrix]\n"igdm.alpha" = [0, 5]\n')
    with pytest.raises(ConfigError, match="matrix of 2 runs, without a run 3"):
        load_config(path.with_name("matrix.toml#3"))
    write("[igdm]\nalpha = 5\n")
    with pytest.raises(ConfigError, match="is one run, not a matrix"):
        load_config(path.with_name("matrix.toml#3"))


def test_every_problem_of_every_cell_is_named(write):
    path = write('[matrix]\n"attack.epsilon" = [300, 0.1, 8]\n')
    with pytest.raises(ConfigError) as caught:
        load_matrix(path)
    assert len(caught.value.problems) == 2
    assert "in attack.epsilon=300" in str(caught.value)


@pytest.mark.parametrize("text", ['[matrix]\n"igdm.alpha" = 3\n', "[[row]]\nsett = {}\n", "matrx = 1\n[matrix]\n"])
def test_slips_in_the_file_itself_are_named(write, text):
    with pytest.raises(ConfigError):
        load_matrix(write(text))


def test_a_missing_base_is_named(write):
    with pytest.raises(IgdmError, match=r"nothing\.toml"):
        load_matrix(write('base = "nothing.toml"\n[matrix]\n"igdm.alpha" = [1]\n'))
