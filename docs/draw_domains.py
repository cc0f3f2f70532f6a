"""Draw docs/domains.png: images of every domain of the generator with their labels.

python docs/draw_domains.py
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from custom.structures.digits import PALETTE  # noqa: E402 - found by the line above
from custom.synth.domains import DOMAINS  # noqa: E402
from custom.synth.fonts import digit_faces  # noqa: E402
from custom.synth.scene import Assets, Scene  # noqa: E402

WIDTH, ROW, LABEL, GAP = 960, 96, 18, 4  # pixels: of the picture, height of a row, of its label, between images
ROWS = 2  # per domain
HARDNESS = 0.6
ORDER = ('houses', 'registers', 'displays', 'plaques', 'scenes', 'empty')


def draw_tile(scene: Scene) -> Image.Image:
    """Scale an image to the height of a row and outline its digits, each digit in its colour."""
    height, width = scene.image.shape[:2]
    scale = min(ROW / height, WIDTH / 3 / width)
    tile = Image.fromarray(scene.image).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(tile)
    for (x, y, w, h), label in zip((scene.bboxes * scale).tolist(), scene.labels.tolist(), strict=True):
        pen.rectangle((x, y, x + w, y + h), outline=PALETTE[label])
    return tile


def draw_rows(name: str, assets: Assets) -> list[list[Image.Image]]:
    """Draw as many images of a domain, from seed 0 on, as its rows have room for."""
    rows: list[list[Image.Image]] = [[]]
    left, seed = 0, 0
    while True:
        tile = draw_tile(DOMAINS[name](np.random.default_rng([seed, 11]), assets, HARDNESS))
        seed += 1
        if left + tile.width > WIDTH:
            if len(rows) == ROWS:
                return rows
            rows.append([])
            left = 0
        rows[-1].append(tile)
        left += tile.width + GAP


def main() -> None:
    """Draw the picture; it shows no photo, since it is drawn without backgrounds and digit crops."""
    assets = Assets(digit_faces())
    sheet = Image.new('RGB', (WIDTH, len(ORDER) * (LABEL + ROWS * (ROW + GAP))), 'white')
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    top = 0
    for name in ORDER:
        pen.text((2, top + 1), name, 'black', font)
        top += LABEL
        for row in draw_rows(name, assets):
            left = 0
            for tile in row:
                sheet.paste(tile, (left, top + (ROW - tile.height) // 2))
                left += tile.width + GAP
            top += ROW + GAP
    sheet.quantize(192, Image.Quantize.MEDIANCUT).save(ROOT / 'docs/domains.png', optimize=True)


if __name__ == '__main__':
    main()
