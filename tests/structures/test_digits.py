from custom.structures.digits import DIGITS, PALETTE


def test_the_ten_digits_are_their_own_labels():
    assert [int(digit) for digit in DIGITS] == list(range(10))


def test_every_digit_has_a_colour_of_its_own():
    assert len(PALETTE) == len(set(PALETTE)) == 10
    assert all(len(colour) == 3 and all(0 <= value <= 255 for value in colour) for colour in PALETTE)
