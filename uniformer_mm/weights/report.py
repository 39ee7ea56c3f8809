"""What was done to weights, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ['Report']


@dataclass(frozen=True)
class Report:
    """What a conversion did, key by key.

    Attributes:
        kept (tuple[str]): Keys that are in the result under the same name.
        renamed (Mapping[str, str]): Key of the source -> key of the result.
        dropped (Mapping[str, str]): Key of the source -> the rule it was left
            out by, such as 'classifier'.
        changed (Mapping[str, str]): Key of the result -> what was done to its
            values, such as 'inflated by mean'.
    """

    kept: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)

    def then(self, other: Report) -> Report:
        """Return the report of this step followed by ``other``.

        Sources stay those of this step, results become those of ``other``.
        """
        names = {**{k: k for k in self.kept}, **self.renamed}
        targets = {**{k: k for k in other.kept}, **other.renamed}
        moved = {s: targets[t] for s, t in names.items() if t in targets}
        dropped = {
            s: other.dropped[t] for s, t in names.items() if t in other.dropped
        }
        assert len(moved) + len(dropped) == len(names), 'every key is told of'
        changed = {
            targets[key]: what
            for key, what in self.changed.items()
            if key in targets
        }
        for key, what in other.changed.items():
            before = f'{changed[key]}, ' if key in changed else ''
            changed[key] = before + what
        return Report(
            kept=tuple(s for s, t in moved.items() if s == t),
            renamed={s: t for s, t in moved.items() if s != t},
            dropped={**self.dropped, **dropped},
            changed=changed,
        )

    def summary(self) -> str:
        """Return one line: how many keys went which way, by which rule."""
        parts = [f'{len(self.kept)} kept']
        if self.renamed:
            parts.append(f'{len(self.renamed)} renamed')
        for word, rules in (
            ('changed', self.changed),
            ('dropped', self.dropped),
        ):
            for rule in dict.fromkeys(rules.values()):
                count = sum(r == rule for r in rules.values())
                parts.append(f'{count} {word} ({rule})')
        return ', '.join(parts)
