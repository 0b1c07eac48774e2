import gc

import pytest

from quals.garbage import without_collecting


@pytest.mark.parametrize("collects", [True, False])
def test_collecting_is_left_as_it_was_found(collects):
    was = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        with pytest.raises(ZeroDivisionError):
            _fail(without_collecting())
        assert gc.isenabled() == collects
    finally:
        (gc.enable if was else gc.disable)()


def test_what_was_made_meanwhile_is_old_and_can_still_be_collected():
    with without_collecting():
        made: list[object] = []
        made.append(made)
    assert not any(one is made for young in (0, 1) for one in gc.get_objects(generation=young))
    del made
    assert gc.collect() >= 1


def test_what_somebody_froze_stays_frozen():
    gc.freeze()
    try:
        with without_collecting():
            pass
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def _fail(context):
    with context:
        assert not gc.isenabled()
        raise ZeroDivisionError
