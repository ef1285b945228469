"""A priority queue that can change the priority of what is in it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator


class Queue:
    """The item with the lowest priority comes out first."""

    def __init__(self, items: dict[Hashable, float] | None = None) -> None:
        self._heap: list[tuple[float, Hashable]] = []
        self._place: dict[Hashable, int] = {}
        for item, priority in (items or {}).items():
            self.push(item, priority)

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, item: Hashable) -> bool:
        return item in self._place

    def __iter__(self) -> Iterator[Hashable]:
        while self._heap:
            yield self.pop()

    def push(self, item: Hashable, priority: float) -> None:
        """Add an item, or give it another priority."""
        if item in self._place:
            index = self._place[item]
            self._heap[index] = (priority, item)
            self._up(index)
            self._down(self._place[item])
            return
        self._heap.append((priority, item))
        self._place[item] = len(self._heap) - 1
        self._up(len(self._heap) - 1)

    def pop(self) -> Hashable:
        """Remove and return the first item. Raises IndexError if there is none."""
        if not self._heap:
            raise IndexError("the queue is empty")
        self._swap(0, len(self._heap) - 1)
        _, item = self._heap.pop()
        del self._place[item]
        if self._heap:
            self._down(0)
        return item

    def _up(self, index: int) -> None:
        while index > 0 and self._heap[index] < self._heap[(index - 1) // 2]:
            self._swap(index, (index - 1) // 2)
            index = (index - 1) // 2

    def _down(self, index: int) -> None:
        while True:
            children = [i for i in (2 * index + 1, 2 * index + 2) if i < len(self._heap)]
            if not children:
                return
            least = min(children, key=lambda i: self._heap[i])
            if self._heap[index] <= self._heap[least]:
                return
            self._swap(index, least)
            index = least

    def _swap(self, a: int, b: int) -> None:
        self._heap[a], self._heap[b] = self._heap[b], self._heap[a]
        for index in (a, b):
            self._place[self._heap[index][1]] = index
