from custom.utils.errors import UserError


def test_a_data_loader_can_reraise_a_worker_error_with_its_traceback_as_text():
    # torch re-raises a worker's exception as exc_type(message)
    assert str(UserError('one text')) == 'one text'
