"""Draw docs/architecture.svg from the code: packages, their imports, and the way of a photo and of a label.

python docs/draw_architecture.py
"""

import sys
from html import escape
from pathlib import Path

import grimp
import tomllib

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# The modules that a photo passes from its pixels to the submission, and a label from its file to the report.
PHOTO = (
    'structures.photos',
    'inference.multiview',
    'models.detector',
    'structures.detections',
    'reading.numbers',
    'submission.pred_json',
    'submission.bundle',
    'submission.validator',
)
LABEL = (
    'data.formats',
    'data.layout',
    'datasets.digit_dataset',
    'engine.runner',
    'evaluation.average_precision',
    'report.html',
)
WAYS = (('photo', '#1f6feb', PHOTO), ('label', '#1a7f37', LABEL))
WIDTH, ROW, BOX = 1080, 84, 58  # px: of the picture, of a layer, of a package's box


def layers() -> list[list[str]]:
    """The layers of packages, top to bottom, as the contract in pyproject.toml has them."""
    settings = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    contract = next(one for one in settings['tool']['importlinter']['contracts'] if one['type'] == 'layers')
    return [[name.strip() for name in layer.replace(':', '|').split('|')] for layer in contract['layers']]


def package_imports(graph: grimp.ImportGraph, names: list[str]) -> set[tuple[str, str]]:
    """Which package imports which, less the imports that follow from others (transitive reduction)."""
    below = {
        name: {
            other
            for other in names
            if other != name
            and graph.direct_import_exists(importer=f'custom.{name}', imported=f'custom.{other}', as_packages=True)
        }
        for name in names
    }

    def reached(name: str) -> set[str]:
        return below[name].union(*map(reached, below[name]))

    return {
        (name, other)
        for name in names
        for other in below[name]
        if not any(other in reached(via) for via in below[name])
    }


def draw() -> str:
    """Return the picture as SVG.

    Raises:
        ValueError: a module of PHOTO or LABEL does not exist.
    """
    graph = grimp.build_graph('custom', cache_dir=None, exclude_type_checking_imports=True)
    if gone := [name for _, _, way in WAYS for name in way if f'custom.{name}' not in graph.modules]:
        raise ValueError(f'docs/draw_architecture.py: no such modules: {gone}')
    rows = layers()
    places = {
        name: (WIDTH * (2 * i + 1) / (2 * len(row)), ROW * y + 52, min(WIDTH / len(row) - 24, 300))
        for y, row in enumerate(rows)
        for i, name in enumerate(row)
    }
    height = ROW * len(rows) + 150
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13">',
        '<title>Packages of custom, top to bottom: imports only go down</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for name, other in sorted(package_imports(graph, [*places])):
        (x1, y1, _), (x2, y2, _) = places[name], places[other]
        parts.append(
            f'<path d="M{x1:.0f} {y1 + BOX / 2:.0f}L{x2:.0f} {y2 - BOX / 2:.0f}" stroke="#8c959f" fill="none"/>'
        )
    for name, (x, y, width) in places.items():
        modules = len(graph.find_descendants(f'custom.{name}'))
        parts += [
            f'<rect x="{x - width / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width:.0f}" height="{BOX}" rx="6" '
            'fill="#f6f8fa" stroke="#57606a"/>',
            f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle" font-weight="bold">{escape(name)}</text>',
            f'<text x="{x:.0f}" y="{y - 8:.0f}" dy="14" text-anchor="middle" font-size="10" fill="#57606a">'
            f'{f"{modules} modules" if modules else "one module"}</text>',
        ]
    for side, (_, colour, way) in zip((-1, 1), WAYS, strict=True):
        for step, module in enumerate(way, start=1):
            package = module.partition('.')[0]
            x, y, width = places[package]
            same = [i for i, other in enumerate(way, start=1) if other.partition('.')[0] == package].index(step)
            cx = x + side * (width / 2 - 14 - 22 * same)
            parts += [
                f'<circle cx="{cx:.0f}" cy="{y + 14:.0f}" r="9" fill="{colour}"/>',
                f'<text x="{cx:.0f}" y="{y + 18:.0f}" text-anchor="middle" font-size="11" fill="#fff">{step}</text>',
            ]
    y = ROW * len(rows) + 46
    for what, colour, way in WAYS:
        steps = [f'{step} {name.replace(".", "/")}' for step, name in enumerate(way, start=1)]
        for start in range(0, len(steps), 5):  # five steps fill a line
            text = ('' if start == 0 else '→ ') + ' → '.join(steps[start : start + 5])
            label = f'<tspan font-weight="bold">A {what}:</tspan> ' if start == 0 else ''
            parts.append(
                f'<text x="{16 if label else 64}" y="{y}" font-size="12" fill="{colour}">{label}{escape(text)}</text>'
            )
            y += 20
    parts.append(
        f'<text x="16" y="{y + 8}" font-size="12" fill="#57606a">A line: the upper package imports the '
        'lower one. Imports that follow from others are left out.</text>'
    )
    return '\n'.join([*parts, '</svg>', ''])


if __name__ == '__main__':
    (ROOT / 'docs' / 'architecture.svg').write_text(draw(), encoding='utf-8')
