"""LightGBM's own text format as a flat array, and the walk through it inside compiled code.

A forest is: how many trees, where each begins, and four numbers a node: the feature (-1: a leaf), the
threshold (of a leaf its value), and the nodes to the left (not above the threshold) and to the right.
The sum over the trees is LightGBM's raw score, to the bit: same order, same float64.
"""

import numpy as np

from strategies.compiled import part
from strategies.layout import Floats

LEAF = -1.0
MOST_TREES, MOST_NODES = 2_000, 200_000


class ModelError(ValueError):
    """A model can not be used; the sentence says why and what to do."""


@part
def score(params: Floats, first: int, row: Floats) -> float:
    """The raw score of one row by the forest that begins at `first`."""
    trees = int(params[first])
    nodes = first + 1 + trees
    total = 0.0
    for tree in range(trees):
        at = nodes + 4 * int(params[first + 1 + tree])
        while params[at] >= 0.0:
            side = 2 if row[int(params[at])] <= params[at + 1] else 3
            at = nodes + 4 * int(params[at + side])
        total += params[at + 1]
    return total


def forest_of(text: str, features: tuple[str, ...], name: str) -> Floats:
    """ModelError for a text that is cut off, or means what `score` does not do."""
    head, *trees = text.split("\nTree=")
    _check_head(_fields(head), features, name)
    if not trees or "end of trees" not in trees[-1]:
        raise _damaged(name, "its trees are cut off")
    if len(trees) > MOST_TREES:
        raise ModelError(f"{name} has {len(trees):,} trees, at most {MOST_TREES:,} are walked; train fewer")
    roots: list[float] = []
    nodes: list[tuple[float, float, float, float]] = []
    for tree in trees:
        roots.append(float(len(nodes)))
        try:
            nodes.extend(_nodes(_fields(tree), len(nodes), len(features), name))
        except ModelError:
            raise
        except (KeyError, ValueError) as error:
            raise _damaged(name, f"a tree makes no sense ({error})") from error
    if len(nodes) > MOST_NODES:
        raise ModelError(f"{name} has {len(nodes):,} nodes, at most {MOST_NODES:,} are walked; train fewer")
    return np.concatenate([[len(roots)], roots, np.array(nodes, np.float64).ravel()])


def _damaged(name: str, what: str) -> ModelError:
    return ModelError(f"{name}: {what}; train the model again")


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _check_head(head: dict[str, str], features: tuple[str, ...], name: str) -> None:
    found = tuple(head.get("feature_names", "").split())
    if found != features:
        odd = sorted(set(found) ^ set(features)) or ["their order"]
        raise ModelError(
            f"{name} was trained on other features (different: {', '.join(odd)}); train the model again"
        )
    if head.get("num_class") != "1" or head.get("num_tree_per_iteration") != "1":
        raise _damaged(name, "it has more than one class")


def _nodes(
    tree: dict[str, str], first: int, features: int, name: str
) -> list[tuple[float, float, float, float]]:
    leaves = [float(value) for value in tree["leaf_value"].split()]
    count = int(tree["num_leaves"])
    if len(leaves) != count or not np.isfinite(leaves).all():
        raise _damaged(name, f"a tree of {count} leaves has {len(leaves)} values, or one is no number")
    if tree.get("num_cat") != "0" or tree.get("is_linear", "0") != "0":
        raise _damaged(name, "it has categories or linear leaves, which are not walked here")
    last = [(LEAF, value, 0.0, 0.0) for value in leaves]
    if count == 1:
        return last
    numbers = {key: tree[key].split() for key in _OF_A_NODE}
    if any(len(each) != count - 1 for each in numbers.values()):
        raise _damaged(name, f"a tree of {count} leaves has not {count - 1} inner nodes")
    inner = []
    for number, (feature, threshold, kind, left, right) in enumerate(zip(*numbers.values(), strict=True)):
        if int(kind) & 0b1101:  # Bit 0: categories; bits 2 and 3: how missing values are meant.
            raise _damaged(name, "it was trained on missing values or categories")
        if not (0 <= int(feature) < features and np.isfinite(float(threshold))):
            raise _damaged(name, f"it asks for feature {feature} at {threshold}")
        sides = [_place(int(side), number, count, first, name) for side in (left, right)]
        inner.append((float(feature), float(threshold), *sides))
    return [*inner, *last]  # type: ignore[list-item]  # Two sides each.


_OF_A_NODE = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


def _place(child: int, parent: int, leaves: int, first: int, name: str) -> float:
    """Inner nodes come first, a negative child is a leaf; children follow parents, so every walk ends."""
    if not -leaves <= child < leaves - 1 or (child >= 0 and child <= parent):
        raise _damaged(name, f"node {parent} leads to {child}")
    return float(first + (child if child >= 0 else leaves - 1 + ~child))
