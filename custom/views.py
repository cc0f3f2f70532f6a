"""How often and how large a photo is seen before its number is read."""

import dataclasses

from custom.errors import UserError
from custom.ranges import require_scales

MOST = {'scales': 8, 'digits': 2}  # more takes gigabytes, and is a size in pixels by mistake


@dataclasses.dataclass(frozen=True)
class Views:
    """At which sizes a photo is seen; what is found is fused (`custom.multiview`).

    Args:
        scales: multiples of the usual size. Defaults to (), once, at the usual size.
        digits: then the number that was found is seen again, alone (`custom.second_look`), its digits at these shares
            of the usual height of a photo. Defaults to (), no second look.

    Raises:
        UserError: they are not numbers from 0.05 to 8, or to 2 for digits; or there is a second look without a first.
    """

    scales: tuple[float, ...] = ()
    digits: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            most = MOST[field.name]
            object.__setattr__(self, field.name, require_scales(field.name, getattr(self, field.name), most))
        if self.digits and not self.scales:
            raise UserError(f'digits={self.digits!r}: a second look needs a first one; give scales, as in (1,)')

    def __str__(self) -> str:
        """What is said of them; nothing where photos are seen once, as usual.

        Example:
            >>> str(Views((0.8, 1.15), (0.45,)))
            'photos seen at 0.8, 1.15 times their size, then digits at 0.45 of the height'
        """
        scales, digits = (', '.join(f'{value:g}' for value in values) for values in (self.scales, self.digits))
        said = f'photos seen at {scales} times their size' if scales else ''
        return said + (f', then digits at {digits} of the height' if digits else '')
