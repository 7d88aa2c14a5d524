"""Two models tried in turn on an arm, until it is clear which grasps better or it has taken long enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import comb

import numpy as np

from qtopt_agent.core.errors import InvalidInput

INCUMBENT, CANDIDATE = 0, 1


class Verdict(Enum):
    """What is known after some attempts."""

    GO_ON = "go on"
    BETTER = "the candidate is better"
    WORSE = "the candidate is worse"
    UNDECIDED = "no difference was found"


@dataclass(frozen=True)
class Alternation:
    """A sequential test on pairs of attempts, one by either model, in an order that the seed draws.

    error: the most probability of BETTER where the candidate is no better, and of WORSE where it is no worse, however
    often one looks. pairs: after so many without either, UNDECIDED, and the incumbent stays.

    Only pairs in which one succeeds and the other does not say anything. Under the hypothesis that the candidate is no
    better, the chance that it is the one is at most 1/2; the test is a mixture of likelihood ratios over all larger
    chances (Robbins 1970), which by Ville's inequality exceeds 1 / error with probability `error` at most.
    """

    seed: int
    pairs: int = 200
    error: float = 0.05

    def __post_init__(self) -> None:
        if self.pairs < 1 or not 0 < self.error < 0.5:
            raise InvalidInput(
                f"pairs {self.pairs}, error {self.error}: expected at least 1, and above 0 and below 0.5"
            )

    def whose(self, attempt: int) -> int:
        """INCUMBENT or CANDIDATE: whose is the attempt of this number, from 0."""
        return self._first[attempt // 2 % self.pairs] ^ (attempt % 2)

    @cached_property
    def _first(self) -> list[int]:
        return np.random.default_rng(self.seed).integers(2, size=self.pairs).tolist()

    def verdict(self, outcomes: Sequence[bool]) -> Verdict:
        """After the `outcomes` of attempts 0, 1, 2 and so on; the second half of a pair may be missing."""
        gained = lost = 0
        for pair in range(len(outcomes) // 2):
            both = {self.whose(number): outcomes[number] for number in (2 * pair, 2 * pair + 1)}
            gained += both[CANDIDATE] and not both[INCUMBENT]
            lost += both[INCUMBENT] and not both[CANDIDATE]
            if evidence(gained, lost) >= 1 / self.error:
                return Verdict.BETTER
            if evidence(lost, gained) >= 1 / self.error:
                return Verdict.WORSE
        return Verdict.UNDECIDED if len(outcomes) // 2 >= self.pairs else Verdict.GO_ON


def evidence(gained: int, lost: int) -> float:
    """The likelihood ratio of pairs `gained` and `lost`: all chances above 1/2, evenly mixed, against 1/2.

    That is 2^(gained + lost) times the mean of p^gained (1 - p)^lost over p in 1/2..1, an incomplete beta function.
    """
    n = gained + lost + 1
    return sum(comb(n, k) for k in range(gained + 1)) / (n * comb(n - 1, gained))
