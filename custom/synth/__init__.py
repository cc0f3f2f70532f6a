"""Generator of synthetic images of house numbers and other domains.

Arguments with one meaning in all modules:
    rng: source of randomness. Equal generators give equal results.
    image: (h, w, 3) float32 RGB from 0 to 1, drawn on in place.
    mask: (h, w) float32, opacity from 0 to 1.
    number: the placed number of the image.
    unit: height of a digit in pixels of `image`.
    oversampling: pixels of `image` per pixel of the final image.
    hardness: 0 (clean, frontal) to 1 (as degraded as real photos are).
"""

__all__: list[str] = [
    'camera',
    'clutter',
    'crops',
    'dataset',
    'domains',
    'fonts',
    'glyphs',
    'layout',
    'number',
    'paint',
    'panel',
    'props',
    'scene',
    'text',
    'walls',
]
