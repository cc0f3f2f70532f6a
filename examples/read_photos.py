"""Read the number on photos, and find the digits that the model is unsure of.

python examples/read_photos.py PHOTO ...
"""

import sys

from custom import DigitReader

reader = DigitReader()  # the weights and reader.json of weights/
for path, reading in zip(sys.argv[1:], reader.read_many(sys.argv[1:]), strict=True):
    if isinstance(reading, Exception):  # the photo cannot be read
        print(f'error: {reading}')
        continue
    print(f'{path}: {reading.number or "no number"}, confidence {reading.confidence:.2f}')
    for digit in reading.digits:
        left, top, right, bottom = digit.bbox  # xyxy in pixels of the photo
        print(f'  {digit.label} score {digit.score:.2f} at x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f} px')
